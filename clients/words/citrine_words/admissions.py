"""Why a station was refused, in words."""

from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.events.v1.events_pb2 import StationRefused
from citrine_words.words import enum_word

__all__ = ["refusal_words_of"]


def refusal_words_of(body: StationRefused) -> str:
    """Return why a station was refused, and what it presented."""
    said = f"refused: {enum_word(body, 'reason')}"
    if body.reason == HandshakeRefusal.REASON_UNKNOWN_TENANT:
        said += f" {body.unknown_tenant_id!r}"
    said += f", from {body.remote_address}"
    if body.reason == HandshakeRefusal.REASON_NO_COMMON_VERSION:
        said += f", offers {body.offered or 'no subprotocol'}"
    return said + (f", {body.attempts} attempts" if body.attempts > 1 else "")
