"""The simulated stations of the demo: one process for those of each security profile."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from citrine_cli.up.certificates import StationTls
from citrine_cli.up.demo import STATIONS, TENANT, Demo
from citrine_cli.up.files import write_private
from citrine_cli.up.settings import UpSettings

__all__ = ["Group", "groups", "simulator_arguments"]

PROFILES: Mapping[str, int] = {"DEMO-2": 2, "DEMO-3": 3}
"""Security profiles of stations; that of the others is 1."""


@dataclass(frozen=True, slots=True)
class Group:
    """Stations of one security profile."""

    profile: int
    url: str
    """Where they connect, without tenant and station."""
    order_url: str
    """Where they order their certificates; empty: they need none."""
    stations: Mapping[str, str]
    """Passwords by station."""


def groups(demo: Demo, urls: Mapping[int, str]) -> Iterator[Group]:
    """Yield the stations by their profiles, or by the next lower ones where there is no listener for these.

    Args:
        demo: The demo.
        urls: URLs of the listeners by security profile.
    """
    # Without a listener for profile 2 no certificate can be ordered.
    offered = sorted(profile for profile in urls if profile < 3 or 2 in urls)
    found: dict[int, dict[str, str]] = {}
    for station_id, password in demo.stations.items():
        wanted = PROFILES.get(station_id, 1)
        profile = max((one for one in offered if one <= wanted), default=offered[0])
        found.setdefault(profile, {})[station_id] = password
    for profile, stations in sorted(found.items()):
        yield Group(profile, urls[profile], urls[2] if profile == 3 else "", stations)


def simulator_arguments(settings: UpSettings, group: Group, demo: Demo, tls: StationTls | None) -> list[str]:
    """Return the command line of the process for a group, after `citrine`; its passwords are written to a file."""
    write_private(settings.passwords_file, json.dumps(demo.stations) + "\n")
    # Each process has a file of its own: that of profile 1 is where it always was.
    state_dir = settings.data_dir / "stations" / (f"profile-{group.profile}" if group.profile > 1 else "")
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        "simulate",
        *("--profile", str(group.profile)),
        *("--url", group.url),
        *(("--order-url", group.order_url) if group.order_url else ()),
        # Also for stations without TLS, which may be moved to a higher security profile.
        *(("--ca-file", str(tls.ca_file)) if tls is not None else ()),
        *("--tenant", TENANT),
        *(word for station in group.stations for word in ("--station", station)),
        *("--version", ",".join(STATIONS.get(station, "2.0.1") for station in group.stations)),
        *("--passwords-file", str(settings.passwords_file)),
        *(word for token in demo.tokens for word in ("--id-token", token)),
        # Simulated EVs use the first EVSE; the second is free for experiments.
        *("--evses", "2"),
        *("--scenario", "charge"),
        *("--state-dir", str(state_dir)),
        *("--charging-for", "90", "--pause", "20", "--sample-interval", "10"),
    ]
