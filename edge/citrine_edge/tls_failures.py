"""Why TLS handshakes fail, in words for operators. No input or output."""

from collections.abc import Mapping

from citrine.edge.v1 import link_pb2 as pb

__all__ = ["cause_of"]

_Cause = pb.HandshakeRefused.Cause

_CERTIFICATE = "certificate: "
"""How problems begin that are found in a client certificate."""

_CAUSES: Mapping[str, "_Cause.ValueType"] = {
    "peer_did_not_return_a_certificate": _Cause.CAUSE_NO_CERTIFICATE,
    f"{_CERTIFICATE}certificate has expired": _Cause.CAUSE_CERTIFICATE_EXPIRED,
    f"{_CERTIFICATE}certificate is not yet valid": _Cause.CAUSE_CERTIFICATE_EXPIRED,
    f"{_CERTIFICATE}certificate revoked": _Cause.CAUSE_CERTIFICATE_REVOKED,
}

_NOT_OF_TLS = frozenset({"proxy_header", "timeout", "lost", ""})
"""Problems of connections that say nothing of a station: port scans and health checks have them."""


def cause_of(problem: str) -> "_Cause.ValueType | None":
    """Return the cause of a connection that failed before its first request; None if TLS is not the reason.

    Args:
        problem: As `Arrival.problem` says it.
    """
    if problem in _NOT_OF_TLS:
        return None
    if problem in _CAUSES:
        return _CAUSES[problem]
    return _Cause.CAUSE_CERTIFICATE_UNTRUSTED if problem.startswith(_CERTIFICATE) else _Cause.CAUSE_TLS
