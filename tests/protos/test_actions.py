"""The table of actions agrees with the schemas and the envelopes."""

import pytest

import generate_ocpp
from citrine.ocpp.actions import ACTIONS, Action, Sender, action_of, unwrap, wrap_request, wrap_response
from citrine.ocpp.v2 import certificates_pb2, data_transfer_pb2, diagnostics_pb2, messages_pb2, types_pb2

SCHEMAS = generate_ocpp.load_schemas()
EVERY_ACTION = [pytest.param(action, id=action.name) for action in ACTIONS.values()]


def test_every_message_of_the_schemas_is_of_an_action() -> None:
    names = {
        message.DESCRIPTOR.name
        for action in ACTIONS.values()
        for message in (action.request, action.response)
        if message is not None
    }

    assert names == SCHEMAS["2.0.1"].keys() | SCHEMAS["2.1"].keys()
    assert {action.name for action in ACTIONS.values() if action.in_v201} == {
        name.removesuffix("Request") for name in SCHEMAS["2.0.1"] if name.endswith("Request")
    }


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_every_request_goes_through_its_envelope(action: Action) -> None:
    request = action.request()

    envelope = messages_pb2.Request.FromString(wrap_request(request).SerializeToString())

    assert unwrap(envelope) == request
    assert type(unwrap(envelope)) is action.request
    assert action_of(request) is action_of(action.request) is action
    assert action.request.DESCRIPTOR.file.name == f"citrine/ocpp/v2/{action.block}.proto"


@pytest.mark.parametrize("action", [each for each in ACTIONS.values() if each.response], ids=lambda each: each.name)
def test_every_response_goes_through_its_envelope(action: Action) -> None:
    assert action.response is not None
    response = action.response()

    envelope = messages_pb2.Response.FromString(wrap_response(response).SerializeToString())

    assert unwrap(envelope) == response
    assert action_of(response) is action_of(action.response) is action


def test_an_action_says_who_sends_it() -> None:
    certificate = ACTIONS["Get15118EVCertificate"]
    chain = ACTIONS["DeleteCertificate"]
    transfer = action_of(data_transfer_pb2.DataTransferResponse)

    assert certificate == Action(
        name="Get15118EVCertificate",
        request=certificates_pb2.Get15118EVCertificateRequest,
        response=certificates_pb2.Get15118EVCertificateResponse,
        field="get_15118_ev_certificate",
        sender=Sender.STATION,
        block="certificates",
        in_v201=True,
    )
    assert (certificate.from_station, certificate.from_csms) == (True, False)
    assert (chain.from_station, chain.from_csms) == (False, True)
    assert (transfer.sender, transfer.from_station, transfer.from_csms) == (Sender.BOTH, True, True)


def test_only_the_periodic_event_stream_is_never_answered() -> None:
    assert [action.name for action in ACTIONS.values() if action.response is None] == ["NotifyPeriodicEventStream"]
    assert action_of(diagnostics_pb2.NotifyPeriodicEventStream).field == "notify_periodic_event_stream"


def test_what_is_of_no_action_is_refused() -> None:
    with pytest.raises(KeyError):
        action_of(types_pb2.EVSE)
    with pytest.raises(TypeError):
        wrap_response(data_transfer_pb2.DataTransferRequest())
    with pytest.raises(ValueError, match="notify_periodic_event_stream"):
        wrap_response(diagnostics_pb2.NotifyPeriodicEventStream())
    with pytest.raises(TypeError):
        wrap_request(data_transfer_pb2.DataTransferResponse())


def test_an_empty_envelope_is_refused() -> None:
    with pytest.raises(ValueError, match="no message"):
        unwrap(messages_pb2.Request())
