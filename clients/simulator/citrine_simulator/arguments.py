"""The command line of the simulator."""

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

from citrine_simulator.config import Version, default_tenant, too_long_for
from citrine_simulator.durations import parse_duration
from citrine_simulator.errors import UsageError
from citrine_simulator.fail_on import DEFAULT_FAIL_ON, FAIL_ON
from citrine_simulator.fleet import Fleet, read_passwords, station_ids
from citrine_simulator.load import Talk
from citrine_simulator.tls import TlsFiles

__all__ = ["SCENARIOS", "Given", "Options", "parse"]

SCENARIOS = {
    "charge": "EVs charge, one after the other",
    "faults": "the same without pauses, then stations deliver all queued messages",
    "load": "each station sends a TransactionEvent when the last one is answered",
    "paced": "stations send messages at a rate, whether or not they are answered in time",
    "boot-storm": "all stations connect, boot, report their status and send a heartbeat at once",
    "idle": "all stations connect, boot and send nothing",
}

URLS = {1: "ws://127.0.0.1:9000", 2: "wss://127.0.0.1:9443", 3: "wss://127.0.0.1:9444"}
"""Default URLs of the CSMS, by security profile."""

ORDERING = ("charge", "faults")
"""Scenarios whose stations can order certificates."""

RATE = 10.0
"""Default messages per second of the scenario paced."""

FAIL_ON_HELP = f"Fleet: conditions that make it fail, of {', '.join(FAIL_ON)}; or none."

FORMS = "DURATION: 90s, 5m, 2h, 1d12h, or a number of seconds."
"""Accepted forms of a duration, for the help."""


@dataclass(frozen=True, slots=True)
class Options:
    """The parsed command line."""

    scenario: str
    fleet: Fleet
    duration: float | None
    speed: float
    events: bool
    json: bool
    state_dir: Path | None = None
    journal: Path | None = None
    warm_up: float = 2.0
    rate: float = RATE
    say: Talk = Talk.UPDATES_6
    drain: float = 120.0
    drop_every: float | None = None
    session: float = 1800.0
    pause: float = 300.0
    evses: int = 1
    variables: dict[str, str] = field(default_factory=dict)
    fleet_file: Path | None = None
    report: Path | None = None
    fail_on: frozenset[str] = frozenset()
    given: "Given" = field(default_factory=lambda: Given())


@dataclass(frozen=True, slots=True)
class Given:
    """Options that override the entries of a fleet file. None: not given."""

    url: str | None = None
    tenant: str | None = None
    password: str | None = None
    passwords: dict[str, str] | None = None


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Formats the help like that of the other `citrine` commands."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, "Usage: " if prefix is None else prefix)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = text.split("\n\n")
        return "\n\n".join(
            textwrap.fill(part, width, initial_indent=indent, subsequent_indent=indent) for part in parts
        )

    def _expand_help(self, action: argparse.Action) -> str:
        text = super()._expand_help(action)
        is_said = "[default:" in text or action.default in (None, False, argparse.SUPPRESS) or action.default == []
        return text if is_said else f"{text}  [default: {_default(action.default)}]"


def _default(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ",".join(value)
    return ",".join(sorted(value)) if isinstance(value, Set) else str(value)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # Without the usage, which argparse prints by default.
        self.exit(2, f"{self.prog}: {message}\n")


def parse(argv: Sequence[str] | None) -> Options:
    """Parse the command line. argparse exits the process on a syntax error.

    Raises:
        UsageError: When options or values do not fit together.
    """
    given = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    variables = {}
    for assignment in given.variable:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"--variable {assignment} is not NAME=VALUE")
        variables[name] = value
    if given.sample_interval is not None:
        variables["SampledDataCtrlr.TxUpdatedInterval"] = str(given.sample_interval)
    if given.fleet is None:
        _refuse_without_fleet(given)
    else:
        _refuse_with_fleet(given)
    ids = given.station or station_ids(given.prefix, given.stations)
    known = {} if given.passwords_file is None else read_passwords(given.passwords_file)
    orders = given.profile == 3 and given.certificate_file is None
    return Options(
        scenario=given.scenario,
        fleet=Fleet(
            url=given.url or URLS[given.profile],
            stations={station_id: known.get(station_id, given.password) for station_id in ids},
            tenant=given.tenant if given.tenant is not None else default_tenant(),
            versions=given.version,
            id_tokens=given.id_token or ["C0FFEE01"],
            tls=TlsFiles(given.ca_file, given.certificate_file, given.key_file),
            order_url=(given.order_url or URLS[2]) if orders else None,
        ),
        duration=given.duration,
        speed=given.speed,
        events=given.events,
        json=given.json,
        state_dir=given.state_dir,
        journal=given.journal,
        warm_up=given.warm_up,
        rate=given.rate,
        say=Talk(given.say),
        drain=given.drain,
        drop_every=given.drop_every,
        session=given.charging_for,
        pause=given.pause,
        evses=given.evses,
        variables=variables,
        fleet_file=given.fleet,
        report=given.report,
        fail_on=given.fail_on,
        given=Given(given.url, given.tenant, given.password, None if given.passwords_file is None else known),
    )


def _refuse_without_fleet(given: argparse.Namespace) -> None:
    if given.report is not None:
        raise UsageError("--report needs --fleet")
    if (token := too_long_for(given.version, given.id_token)) is not None:
        raise UsageError(f"--id-token {token} has more than the 20 characters of an idTag (OCPP 1.6)")
    url, profile = given.url or URLS[given.profile], given.profile
    if (profile > 1) != url.startswith("wss:") and (profile > 1 or given.ca_file or given.certificate_file):
        raise UsageError(f"{url} is no URL of security profile {profile}")
    if profile != 3 and given.certificate_file is not None:
        raise UsageError("--certificate-file needs --profile 3")
    if given.key_file is not None and given.certificate_file is None:
        raise UsageError("--key-file needs --certificate-file")
    has_password = bool(given.password or given.passwords_file)
    if given.certificate_file is not None and has_password:
        raise UsageError("stations with --certificate-file have no password")
    if profile == 3 and given.certificate_file is None:
        _refuse_orders(given, has_password)
    elif given.order_url is not None:
        raise UsageError("--order-url is for --profile 3 without --certificate-file")


def _refuse_orders(given: argparse.Namespace, has_password: bool) -> None:
    """Refuse options by which stations can't order their certificates."""
    if not has_password:
        raise UsageError(
            "--profile 3 needs --certificate-file; or --password or --passwords-file, by which stations order theirs"
        )
    if given.state_dir is None:
        raise UsageError("stations that order their certificates need --state-dir, to have them the next time, too")
    if given.scenario not in ORDERING:
        raise UsageError(f"stations of --scenario {given.scenario} order no certificates: --certificate-file")
    if given.order_url is not None and not given.order_url.startswith("wss:"):
        raise UsageError(f"{given.order_url} is no URL of security profile 2")


def _refuse_with_fleet(given: argparse.Namespace) -> None:
    """Refuse options that have their place in the fleet file."""
    usual = _parser().parse_args([])
    for name in ("stations", "prefix", "station", "version", "id_token", "scenario", "speed", "charging_for", "pause",
                 "evses", "sample_interval", "variable", "drop_every", "warm_up", "rate", "say", "profile", "ca_file",
                 "certificate_file", "key_file", "order_url"):  # fmt: skip
        if getattr(given, name) != getattr(usual, name):
            raise UsageError(f"--{name.replace('_', '-')} is for stations without --fleet: the fleet file says it")


def _parser() -> argparse.ArgumentParser:
    scenarios = "; ".join(f"{name}: {text}" for name, text in SCENARIOS.items())
    parser = _Parser(
        prog="citrine simulate",
        usage="citrine simulate [OPTIONS]",
        description="Simulated charging stations.",
        epilog=f"{FORMS}\n\nScenarios: {scenarios}.",
        formatter_class=_Formatter,
        add_help=False,
    )
    _add_stations(parser)
    _add_behaviour(parser)
    _add_output(parser)
    return parser


def _add_stations(parser: argparse.ArgumentParser) -> None:
    who = parser.add_argument_group("Stations")
    who.add_argument("--fleet", type=Path, metavar="TOML", help="Stations from a file, with behaviours and faults.")
    who.add_argument("--stations", type=_count, default=1, metavar="N", help="Number of stations, with numbered ids.")
    who.add_argument("--prefix", default="SIM-", metavar="PREFIX", help="Prefix of numbered ids.")
    who.add_argument(
        "--station", action="append", default=[], metavar="ID", help="An id instead of numbered ones; repeatable."
    )
    who.add_argument("--evses", type=_count, default=1, metavar="N", help="Charge, faults: EVSEs of each station.")
    who.add_argument(
        "--version",
        type=_versions,
        default=["2.0.1"],
        metavar="V,V",
        help="OCPP version: 1.6, 2.0.1 or 2.1. Stations have several in turn.",
    )
    who.add_argument("--url", metavar="URL", help=f"OCPP endpoint.  [default: {URLS[1]}, or the fleet's]")
    who.add_argument(
        "--tenant",
        metavar="ID",
        help="Tenant in the URL.  [env var, without --fleet: CITRINE_TENANT; default: none, or the fleet's]",
    )
    who.add_argument("--password", metavar="P", help="Basic authentication, for every station.")
    who.add_argument("--passwords-file", type=Path, metavar="JSON", help="Object of passwords by station id.")
    who.add_argument(
        "--profile", type=int, choices=[1, 2, 3], default=1, help="Security profile: 2 with TLS, 3 with a certificate."
    )
    who.add_argument("--ca-file", type=Path, metavar="PEM", help="Trusted authorities.  [default: the system's]")
    who.add_argument("--certificate-file", metavar="PEM", help="Certificate; {id} is the id of the station.")
    who.add_argument("--key-file", metavar="PEM", help="Its key; {id} is the id of the station.")
    who.add_argument(
        "--order-url",
        metavar="URL",
        help=f"Profile 3 without certificate: where to order it by password (profile 2).  [default: {URLS[2]}]",
    )
    who.add_argument(
        "--id-token",
        action="append",
        default=[],
        metavar="TOKEN",
        help="Token to present; repeatable.  [default: C0FFEE01]",
    )


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("Behaviour")
    span: dict[str, Any] = {"type": _duration, "metavar": "DURATION"}
    what.add_argument("--scenario", choices=list(SCENARIOS), default="charge", help="Scenario, see below.")
    what.add_argument(
        *("--duration", "--for"),
        **span,
        help="Time to run.  [default: 10s with load and paced; the others until stopped]",
    )
    what.add_argument("--warm-up", **span, default="2s", help="Load, paced: time before measuring.")
    what.add_argument(
        "--rate", type=_factor, default=RATE, metavar="N", help="Paced: messages per second of all stations together."
    )
    what.add_argument("--say", choices=list(Talk), default=Talk.UPDATES_6, help="Paced: messages to send.")
    what.add_argument("--speed", type=_factor, default=1.0, metavar="FACTOR", help="EVs charge faster by this factor.")
    what.add_argument("--charging-for", **span, default="30m", help="Average charging time of an EV.")
    what.add_argument("--pause", **span, default="5m", help="Charge: average time between two EVs.")
    what.add_argument(
        "--sample-interval", type=_whole_duration, metavar="DURATION", help="Interval of samples, divided by --speed."
    )
    what.add_argument(
        "--variable",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="Variable of the device model; repeatable.",
    )
    what.add_argument(
        "--drop-every", type=_interval, metavar="DURATION", help="Faults: average interval of lost connections."
    )
    what.add_argument("--drain", **span, default="2m", help="Fleet, faults: time for queues to empty.")


def _add_output(parser: argparse.ArgumentParser) -> None:
    out = parser.add_argument_group("Files and output")
    out.add_argument("--state-dir", type=Path, metavar="DIR", help="Stores queues across a kill.  [default: memory]")
    out.add_argument("--journal", type=Path, metavar="FILE", help="Fate of each transaction message, JSON lines.")
    out.add_argument("--report", type=Path, metavar="JSON", help="Fleet: messages sent, answered and given up.")
    out.add_argument("--fail-on", type=_fail_on, default=DEFAULT_FAIL_ON, metavar="A,B", help=FAIL_ON_HELP)
    out.add_argument("--events", action="store_true", help="One line per event on standard output.")
    out.add_argument("--json", action="store_true", help="Events and result as JSON, one object per line.")
    out.add_argument("-h", "--help", action="help", help="Show this message and exit.")


_N = TypeVar("_N", int, float)


def _number(text: str, kind: Callable[[str], _N]) -> _N:
    try:
        return kind(text)
    except ValueError:
        # Otherwise argparse would print the name of the function.
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def _count(text: str) -> int:
    number = _number(text, int)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    if seconds < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return seconds


def _whole_duration(text: str) -> int:
    seconds = _duration(text)
    if seconds < 1 or seconds != int(seconds):
        raise argparse.ArgumentTypeError("must be a whole number of seconds, at least 1")
    return int(seconds)


def _interval(text: str) -> float:
    seconds = _duration(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds


def _fail_on(text: str) -> frozenset[str]:
    names = frozenset() if text == "none" else frozenset(text.split(","))
    unknown = sorted(names - FAIL_ON.keys())
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(FAIL_ON)}, or none")
    return names


def _versions(text: str) -> list[str]:
    versions = text.split(",")
    known = get_args(Version)
    unknown = [one for one in versions if one not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return versions


def _factor(text: str) -> float:
    number = _number(text, float)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return number
