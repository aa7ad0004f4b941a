"""Items of the link."""

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.v2 import authorization_pb2, data_transfer_pb2, diagnostics_pb2, types_pb2
from citrine_edge import upstream
from citrine_edge.dialects import CanonicalRequest
from citrine_edge.link import MAX_ITEM_BYTES
from citrine_edge.ocppj import RpcError
from tests.support.fake_core import NOW

REF = pb.SessionRef(tenant_id="default", station_id="CS1", epoch=3)


def read(data: bytes) -> pb.Upstream:
    return pb.Upstream.FromString(data)


def test_call_says_who_sent_what_and_when() -> None:
    request = authorization_pb2.AuthorizeRequest(id_token=types_pb2.IdToken(id_token="A", type="Central"))

    call = read(upstream.station_call(5, REF, "m1", CanonicalRequest(ACTIONS["Authorize"], request), NOW)).call

    assert (call.id, call.session, call.message_id, call.receive_time) == (5, REF, "m1", NOW)
    assert call.request.authorize == request


def test_send_says_who_sent_what_and_when() -> None:
    message = diagnostics_pb2.NotifyPeriodicEventStream(id=1)

    send = read(upstream.station_send(REF, "s1", ACTIONS["NotifyPeriodicEventStream"], message, NOW)).send

    assert (send.session, send.message_id, send.receive_time) == (REF, "s1", NOW)
    assert send.request.notify_periodic_event_stream == message


def test_item_that_no_batch_can_carry_is_refused() -> None:
    request = data_transfer_pb2.DataTransferRequest(vendor_id="x" * MAX_ITEM_BYTES)

    with pytest.raises(RpcError, match="PropertyConstraintViolation"):
        upstream.station_call(5, REF, "m1", CanonicalRequest(ACTIONS["DataTransfer"], request), NOW)


def test_session_opens_and_closes() -> None:
    held = pb.HeldSession(session=REF, version=pb.OCPP_VERSION_21, open_time=NOW, remote_address="1.2.3.4:5")

    assert read(upstream.opened(held)).opened == pb.Opened(
        session=REF, version=pb.OCPP_VERSION_21, open_time=NOW, remote_address="1.2.3.4:5"
    )
    assert read(upstream.closed(REF, 1006, "gone", NOW)).closed == pb.Closed(
        session=REF, code=1006, reason="gone", close_time=NOW
    )


def test_frame_is_observed() -> None:
    frame = read(upstream.observed(REF, "[]", NOW, from_station=True)).observed

    assert frame == pb.ObservedFrame(session=REF, from_station=True, frame="[]", time=NOW)


def test_watch_is_confirmed() -> None:
    watching = read(upstream.watching("default", "CS1")).watching

    assert (watching.tenant_id, watching.station_id) == ("default", "CS1")


def test_edge_drains() -> None:
    assert read(upstream.draining()).WhichOneof("item") == "draining"
