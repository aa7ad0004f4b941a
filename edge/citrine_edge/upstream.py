"""Upstream items, serialized for the next batch."""

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import Action
from citrine_edge.dialects import CanonicalRequest
from citrine_edge.link import MAX_ITEM_BYTES
from citrine_edge.ocppj import Code, RpcError

__all__ = ["closed", "draining", "observed", "opened", "resent", "station_call", "station_send", "watching"]


def station_call(
    call_id: int,
    session: pb.SessionRef,
    message_id: str,
    request: CanonicalRequest,
    receive_time: Timestamp,
    traceparent: str = "",
) -> bytes:
    """Return a StationCall.

    Raises:
        RpcError: When it is larger than a batch may be.
    """
    # Built in place: a message that is given to another's constructor is copied.
    item = pb.Upstream()
    call = item.call
    call.id = call_id
    call.session.CopyFrom(session)
    call.message_id = message_id
    call.receive_time.CopyFrom(receive_time)
    call.traceparent = traceparent
    getattr(call.request, request.action.field).CopyFrom(request.message)
    if request.supplement is not None:
        call.supplement.CopyFrom(request.supplement)
    return _limited(item)


def resent(call: bytes) -> bytes:
    """Return a StationCall that says that it was sent before, and is else the same."""
    # What stands behind a message is merged into it.
    return call if call.endswith(_RESENT) else call + _RESENT


_RESENT = pb.Upstream(call=pb.StationCall(resent=True)).SerializeToString()


def station_send(
    session: pb.SessionRef,
    message_id: str,
    action: Action,
    message: Message,
    receive_time: Timestamp,
    traceparent: str = "",
) -> bytes:
    """Return a StationSend.

    Raises:
        RpcError: When it is larger than a batch may be.
    """
    send = pb.StationSend(session=session, message_id=message_id, receive_time=receive_time, traceparent=traceparent)
    item = pb.Upstream(send=send)
    getattr(item.send.request, action.field).CopyFrom(message)
    return _limited(item)


def opened(session: pb.HeldSession) -> bytes:
    """Return an Opened."""
    item = pb.Opened(
        session=session.session,
        version=session.version,
        open_time=session.open_time,
        remote_address=session.remote_address,
    )
    return pb.Upstream(opened=item).SerializeToString()


def closed(session: pb.SessionRef, code: int, reason: str, time: Timestamp) -> bytes:
    """Return a Closed."""
    item = pb.Closed(session=session, code=code, reason=reason, close_time=time)
    return pb.Upstream(closed=item).SerializeToString()


def observed(session: pb.SessionRef, frame: str, time: Timestamp, *, from_station: bool) -> bytes:
    """Return an ObservedFrame."""
    item = pb.ObservedFrame(session=session, from_station=from_station, frame=frame, time=time)
    return pb.Upstream(observed=item).SerializeToString()


def watching(tenant_id: str, station_id: str) -> bytes:
    """Return a Watching."""
    return pb.Upstream(watching=pb.Watching(tenant_id=tenant_id, station_id=station_id)).SerializeToString()


def handshake_refused(
    tenant_id: str,
    station_id: str,
    remote_address: str,
    cause: "pb.HandshakeRefused.Cause.ValueType",
    offered: str = "",
) -> bytes:
    """Return a HandshakeRefused."""
    item = pb.HandshakeRefused(
        tenant_id=tenant_id, station_id=station_id, remote_address=remote_address, cause=cause, offered=offered
    )
    return pb.Upstream(handshake_refused=item).SerializeToString()


def tls_failed(remote_address: str, cause: "pb.HandshakeRefused.Cause.ValueType", detail: str) -> bytes:
    """Return the HandshakeRefused of a TLS handshake that failed."""
    item = pb.HandshakeRefused(remote_address=remote_address, cause=cause, detail=detail)
    return pb.Upstream(handshake_refused=item).SerializeToString()


def draining() -> bytes:
    """Return a Draining."""
    return pb.Upstream(draining=pb.Draining()).SerializeToString()


def _limited(item: pb.Upstream) -> bytes:
    data = item.SerializeToString()
    if len(data) > MAX_ITEM_BYTES:
        raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, "the payload is larger than the CSMS takes")
    return data
