"""The introduction that `citrine up` prints: addresses, credentials and commands to try, in a long and a short form."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from citrine_cli.errors import CliError
from citrine_cli.up.demo import STATIONS, TENANT, Demo
from citrine_cli.up.files import is_locked, read_json, write_private
from citrine_cli.up.settings import UpSettings
from citrine_cli.up.simulators import Group

__all__ = ["Introduction", "forget", "introduction", "remember", "remembered"]


@dataclass(frozen=True)
class Introduction:
    """The lines to print when everything runs."""

    whole: Sequence[str]
    """The long form."""
    brief: Sequence[str]
    """The short form, for small terminals."""


def introduction(
    settings: UpSettings,
    *,
    grpc: str,
    urls: Mapping[int, str],
    health: Sequence[str],
    options: str,
    groups: Sequence[Group],
    demo: Demo | None,
    console: str,
    emsp: str,
) -> Introduction:
    """Return the introduction.

    Args:
        settings: Settings of `citrine up`.
        grpc: Address for clients.
        urls: URLs for stations by security profile, without tenant and station.
        health: Addresses of health and metrics.
        options: Options that commands need to reach the core, each followed by a blank.
        groups: The simulated stations.
        demo: Credentials of the demo. None: there is no demo.
        console: Address that logs a browser in. Empty: there is no console.
        emsp: Address of the simulated eMSP. Empty: there is none.
    """
    tenant = f"--tenant {TENANT} " if demo is not None else ""
    citrine = f".venv/bin/citrine {options}{tenant}"
    own = f"{citrine}station add CS-1, then station watch CS-1"
    show = f".venv/bin/citrine up --show{_data_dir(settings)}"
    whole = [
        *([f"  console    {console}"] if console else []),
        *([f"  eMSP       {emsp} shows what a partner gets by OCPI"] if emsp else []),
        f"  stations   {urls[1]}/STATION and {urls[1]}/TENANT/STATION",
        *_tls_lines(settings, urls),
        f"  gRPC       {grpc}, with the operator's key in {settings.operator_key_file}",
        f"  health     {' and '.join(f'http://{address}/readyz' for address in health)}",
        f"  database   {without_password(settings.database)}",
        f"  logs       {settings.data_dir}/core.log and edge.log",
    ]
    brief = [
        f"Citrine is up. Ctrl-C stops it. Passwords: {show}",
        *([f"  console   {console}"] if console else []),
        *([f"  eMSP      {emsp}"] if emsp else []),
        f"  stations  {', '.join(f'{url}/TENANT/STATION' for url in list(urls.values())[:2])}",
        f"  gRPC      {grpc}, key in {settings.operator_key_file}",
    ]
    if demo is not None:
        whole += [
            "",
            f"  Demo tenant {TENANT!r}; simulated stations charge, wait, and charge again.",
            *_station_lines(groups),
            *(f"  token      {id_token} ({kind})" for id_token, kind in demo.tokens.items()),
        ]
        brief.append(f"  demo      tenant {TENANT}: {', '.join(demo.stations)}; token {next(iter(demo.tokens), '-')}")
    whole += ["", f"  Try: {citrine}station list", f"  Your own station: {own}", f"  All this again: {show}"]
    brief += [f"  try       {citrine}station list", f"  your own  {own}"]
    return Introduction(whole, brief)


def _tls_lines(settings: UpSettings, urls: Mapping[int, str]) -> Iterator[str]:
    if 2 in urls:
        yield f"  with TLS   {urls[2]}/…, for stations that trust {settings.ca_folder}/ca.crt (security profile 2)"
    if 3 in urls:
        yield f"  and        {urls[3]}/…, with a certificate of that authority (security profile 3)"


def _station_lines(groups: Sequence[Group]) -> Iterator[str]:
    of_station = {name: group for group in groups for name in group.stations}
    for name, group in sorted(of_station.items()):
        after = f" by which it ordered its certificate at {group.order_url}" if group.order_url else ""
        credentials = f"password {group.stations[name]}{after}"
        yield f"  station    {group.url}/{TENANT}/{name}  {credentials}  (OCPP {STATIONS[name]})"


def _data_dir(settings: UpSettings) -> str:
    return "" if settings.data_dir == Path(".citrine") else f" --data-dir {settings.data_dir}"


def without_password(url: str) -> str:
    """Return the URL of a database without its password."""
    scheme, separator, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user}{at}{place}"


def _file(data_dir: Path) -> Path:
    return data_dir / "up.json"


def remember(data_dir: Path, said: Introduction) -> None:
    """Store the introduction for `citrine up --show`."""
    write_private(_file(data_dir), json.dumps({"pid": os.getpid(), "lines": list(said.whole)}) + "\n")


def forget(data_dir: Path) -> None:
    """Remove the stored introduction, also that of an earlier run."""
    with suppress(FileNotFoundError):
        _file(data_dir).unlink()


def remembered(data_dir: Path) -> list[str]:
    """Return the introduction of the `citrine up` that runs with a directory.

    Raises:
        CliError: When none runs, or it is still starting.
    """
    found = read_json(_file(data_dir))
    if not is_locked(data_dir):
        last = f"; the one of process {found.get('pid')} ended without stopping" if found is not None else ""
        where = f"{data_dir}" if data_dir.is_absolute() else f"{data_dir} in this folder"
        raise CliError(
            f"no citrine up runs with {where}{last}; start it here with: citrine up; show one that runs elsewhere "
            "with: citrine up --show --data-dir THERE/.citrine"
        )
    if found is None:
        raise CliError(f"citrine up is starting with {data_dir}, or stopping; ask again in a few seconds")
    return [f"Citrine is up (process {found['pid']}).", "", *map(str, found["lines"])]
