"""`citrine certificate install`, `installed`, `get` and `delete`: the certificates that stations have."""

from pathlib import Path
from typing import Annotated

import typer

from citrine.api.v1 import certificates_pb2 as pb
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine_cli.client import Client, Limit, collect
from citrine_cli.errors import CliError, NotThere, UsageError
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, choice, show_answer, target
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.values import parse_time
from citrine_words.words import time_word

__all__ = ["delete_certificate", "get_installed", "install_certificate", "list_installed"]

_SUFFIX = "-certificate"

_INSTALLED = {
    word.removesuffix(_SUFFIX): number
    for word, number in words_of(ocpp.InstallCertificateUseEnum.items(), "INSTALL_CERTIFICATE_USE_ENUM_").items()
}
_TYPES = {
    word.removesuffix(_SUFFIX): number
    for word, number in words_of(ocpp.GetCertificateIdUseEnum.items(), "GET_CERTIFICATE_ID_USE_ENUM_").items()
}
_WORDS = {number: word for word, number in _TYPES.items()}

InstalledType = Annotated[
    str, typer.Option("--type", metavar="TYPE", help=f"What the station uses it for: {', '.join(_INSTALLED)}.")
]
Type = Annotated[str, typer.Option("--type", metavar="TYPE", help=f"Only of this type: {', '.join(_TYPES)}.")]


async def install_certificate(
    client: Client,
    station_id: Station,
    certificate_type: InstalledType,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The certificate, in PEM.")] = None,
    fingerprint: Annotated[
        str, typer.Option("--stored", metavar="FINGERPRINT", help="The certificate of the store, by its SHA-256.")
    ] = "",
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Install a certificate of an authority at a station. The exit code is 1 if the station refuses."""
    if (file is None) == (not fingerprint):
        raise UsageError("give either --file or --stored")
    request = ocpp.InstallCertificateRequest(
        certificate_type=choice("--type", _INSTALLED, certificate_type), certificate=_read(file) if file else ""
    )
    answer = await client.citrine.certificates.InstallCertificate(
        pb.InstallCertificateRequest(
            target=target(station_id, timeout, when_online), request=request, stored_fingerprint=fingerprint
        ),
        timeout=timeout + MARGIN,
    )
    show_answer(client, answer)


async def list_installed(
    client: Client,
    station: Annotated[str, typer.Option("--station", metavar="ID", help="Only of this station.")] = "",
    certificate_type: Type = "",
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", metavar="HEX", help="Only of this SHA-256: the stations that have it.")
    ] = "",
    serial_number: Annotated[str, typer.Option("--serial-number", metavar="HEX", help="Only of this one.")] = "",
    expires_before: Annotated[
        str, typer.Option("--expires-before", metavar="TIME", help="Only those that expire before.")
    ] = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the certificates that stations have installed, as far as is known, the latest recorded first."""
    request = pb.ListInstalledCertificatesRequest(
        station_id=station,
        certificate_type=choice("--type", _TYPES, certificate_type)
        if certificate_type
        else ocpp.GET_CERTIFICATE_ID_USE_ENUM_UNSPECIFIED,
        fingerprint=fingerprint.replace(":", ""),
        serial_number=serial_number.replace(":", ""),
        expires_before=parse_time("--expires-before", expires_before) if expires_before else None,
        stations=station_selector(location, group, label),
    )
    _print(client, await _find(client, request, limit))


async def get_installed(
    client: Client, station_id: Station, certificate_type: Type = "", timeout: Timeout = DEFAULT_TIMEOUT
) -> None:
    """Ask a station for its certificates, and list them."""
    types = [choice("--type", _TYPES, certificate_type)] if certificate_type else []
    request = ocpp.GetInstalledCertificateIdsRequest(certificate_type=types)
    await client.citrine.certificates.GetInstalledCertificateIds(
        pb.GetInstalledCertificateIdsRequest(target=target(station_id, timeout), request=request),
        timeout=timeout + MARGIN,
    )
    wanted = pb.ListInstalledCertificatesRequest(station_id=station_id)
    if types:
        wanted.certificate_type = types[0]
    _print(client, await _find(client, wanted, 0))


async def delete_certificate(
    client: Client,
    station_id: Station,
    certificate: Annotated[
        str, typer.Argument(metavar="CERTIFICATE", help="Its SHA-256 or its serial number, or how one of them begins.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Even if the station could not connect any more without it.")
    ] = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Delete a certificate from a station. The exit code is 1 if the station refuses."""
    given = certificate.replace(":", "").lower()
    found = [
        one
        for one in await _find(client, pb.ListInstalledCertificatesRequest(station_id=station_id), 0)
        if one.fingerprint.startswith(given) or one.certificate_hash_data.serial_number.lower().startswith(given)
    ]
    if not found or not given:
        raise NotThere("certificate", certificate)
    if len({one.certificate_hash_data.serial_number for one in found}) > 1:
        raise CliError(f"several certificates of {station_id} begin with {given}; give more of it")
    request = ocpp.DeleteCertificateRequest(certificate_hash_data=found[0].certificate_hash_data)
    answer = await client.citrine.certificates.DeleteCertificate(
        pb.DeleteCertificateRequest(target=target(station_id, timeout, when_online), request=request, force=force),
        timeout=timeout + MARGIN,
    )
    show_answer(client, answer)


async def _find(
    client: Client, request: pb.ListInstalledCertificatesRequest, limit: int
) -> list[pb.InstalledCertificate]:
    pages = collect(client.citrine.certificates.ListInstalledCertificates, request, limit)
    return [one async for page in pages for one in page.installed_certificates]


def _print(client: Client, found: list[pb.InstalledCertificate]) -> None:
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [
            one.station_id,
            _WORDS.get(one.certificate_type, ""),
            one.subject,
            one.certificate_hash_data.serial_number,
            PrefixId(one.fingerprint),
            time_word(one, "valid_to"),
            time_word(one, "install_time"),
            time_word(one, "report_time"),
            one.requested_by,
        ]
        for one in found
    )
    client.out.table(
        ["station", "type", "subject", "serial number", "fingerprint", "valid until", "installed", "reported", "by"],
        rows,
        empty="no certificates are known to be installed",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"file {path} can't be read: {getattr(error, 'strerror', None) or error}") from error
