"""The part of the report on TLS."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bench.results import Results
from tests.bench.tables import table
from tests.bench.tls import HANDSHAKES

__all__ = ["tls_report"]

_TLS = """## TLS

Security profile 2 beside profile 1, on SQLite: the edge ends TLS. Handshakes are those of TLS 1.2. Their clients use
the same processors, so what counts is the edge's CPU for each; connections, boot storm and messages use TLS 1.3.
"""


def tls_report(results: Results) -> Iterator[str]:
    """Yield the part; nothing where it was not measured."""
    found = results.get("tls")
    if found is None:
        return
    yield _TLS
    rows = [
        [
            f"TLS handshake, {HANDSHAKES[kind]}",
            "",
            f"{one['per_second']:.0f} a second, {one['edge_cpu_ms']:.2f} ms of CPU in the edge",
        ]
        for kind, one in found["handshakes"].items()
    ]
    plain, tls = found["plain"], found["tls"]
    held = tls["idle"]["connections"]
    rows.append([f"memory per idle connection in the edge, {held} held", _memory(plain), _memory(tls)])
    rows.append([f"boot storm of {tls['storm']['done']}", _storm(plain), _storm(tls)])
    rows += [
        [f"a TransactionEvent, saturated: {role}", _cpu(plain, role), _cpu(tls, role)] for role in ("edge", "core")
    ]
    yield table(("figure", "plain", "TLS"), rows)


def _memory(side: Mapping[str, Any]) -> str:
    return f"{side['idle']['edge_bytes'] / 1000:.0f} kB"


def _storm(side: Mapping[str, Any]) -> str:
    storm = side["storm"]
    return f"{storm['seconds']:.1f} s, {storm['cpu_ms']:.1f} ms of CPU a station"


def _cpu(side: Mapping[str, Any], role: str) -> str:
    return f"{side['messages']['cpu'][role]:.0f} µs"
