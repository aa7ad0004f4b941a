import asyncio
import base64
import json
from typing import Any

import pytest

from citrine_simulator import (
    NO_ANSWER,
    Answer,
    AnswerInvalidError,
    CallErrorReceivedError,
    CallInterruptedError,
    CallRefusedError,
    CallTimedOutError,
    HandshakeRefusedError,
    NotConnectedError,
)
from citrine_simulator.connection import Target, open_socket, retry_after
from tests.clients.simulator.conftest import PASSWORD, MakeStation
from tests.clients.simulator.csms import Csms, Received
from tests.clients.simulator.manual_clock import ManualClock


async def test_credentials_go_with_the_handshake_and_no_user_agent(csms: Csms, make_station: MakeStation) -> None:
    await make_station()

    credentials = base64.b64encode(f"CS-1:{PASSWORD}".encode()).decode()
    assert csms.headers[0]["Authorization"] == f"Basic {credentials}"
    assert "User-Agent" not in csms.headers[0]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_the_version_is_negotiated(csms: Csms, make_station: MakeStation, version: str) -> None:
    await make_station(version=version)

    assert csms.sockets["CS-1"].subprotocol == f"ocpp{version}"


async def test_one_call_is_in_flight_at_a_time(csms: Csms, make_station: MakeStation) -> None:
    answer = asyncio.Event()

    async def later(call: Received) -> dict[str, Any]:
        await answer.wait()
        return {"status": "Accepted"}

    csms.scripts["DataTransfer"] = later
    station = await make_station()
    await csms.until_count("StatusNotification", 1)
    first = asyncio.ensure_future(station.call("DataTransfer", {"vendorId": "1"}))
    second = asyncio.ensure_future(station.call("DataTransfer", {"vendorId": "2"}))
    await csms.until_count("DataTransfer", 1)
    # What the station has sent before an answer of its own has all arrived when that answer has.
    await csms.call("CS-1", "ClearCache", {})
    assert len(csms.of("DataTransfer")) == 1

    answer.set()
    await asyncio.gather(first, second)

    assert [one["vendorId"] for one in csms.of("DataTransfer")] == ["1", "2"]


async def test_a_call_error_is_raised(csms: Csms, make_station: MakeStation) -> None:
    csms.scripts["DataTransfer"] = lambda call: f'[4,"{call.message_id}","SecurityError","no",{{"a":1}}]'
    station = await make_station()

    with pytest.raises(CallErrorReceivedError) as raised:
        await station.call("DataTransfer", {"vendorId": "1"})

    assert (raised.value.code, raised.value.description, raised.value.details) == ("SecurityError", "no", {"a": 1})


async def test_a_late_answer_is_dropped(csms: Csms, clock: ManualClock, make_station: MakeStation) -> None:
    csms.scripts["DataTransfer"] = lambda _: None
    station = await make_station()
    calling = asyncio.ensure_future(station.call("DataTransfer", {"vendorId": "1"}, message_id="late", timeout=7))
    await csms.until_count("DataTransfer", 1)
    await clock.pass_by(7)
    with pytest.raises(CallTimedOutError):
        await calling

    await csms.sockets["CS-1"].send('[3,"late",{"status":"Accepted"}]')
    await csms.call("CS-1", "ClearCache", {})

    assert station.parts.link.counts["stray_answers"] == 1


async def test_a_call_is_lost_with_its_connection(csms: Csms, make_station: MakeStation) -> None:
    csms.scripts["DataTransfer"] = lambda call: csms.sockets[call.station_id].transport.abort()
    station = await make_station()

    with pytest.raises(CallInterruptedError):
        await station.call("DataTransfer", {"vendorId": "1"})


async def test_offline_nothing_is_sent(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    await station.disconnect()

    with pytest.raises(NotConnectedError):
        await station.call("DataTransfer", {"vendorId": "1"})


async def test_the_connection_survives_every_malformed_frame(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()
    socket = csms.sockets["CS-1"]
    broken = ["", "{", "null", "7", "{}", "[]", "[2]", '[2,"a"]', '[2,7,"Reset",{}]', '[2,"b","Reset",[]]']
    broken += ["[3]", '[4,"c"]', '[9,"d",{}]', '["2","e","Reset",{}]', "[[[[", '[2,"f","Reset","\\ud800"]']
    broken += [f'[2,"{"g" * 100}","Reset",{{}}]', '[3,"nobody asked",{}]', "\x00", '[1e999,"h"]']

    for text in broken:
        await socket.send(text)
    await socket.send(b"\xff\xfe")
    answer = await csms.call("CS-1", "ClearCache", {})

    assert answer == {"status": "Accepted"}
    assert {frame[0] for frame in csms.strays} == {4}
    assert (await station.call("Heartbeat", {})).keys() == {"currentTime"}


async def test_2_1_tells_that_an_answer_was_not_understood(csms: Csms, make_station: MakeStation) -> None:
    csms.scripts["DataTransfer"] = lambda _: {"status": 7}
    station = await make_station(version="2.1")

    with pytest.raises(AnswerInvalidError, match="status: type"):
        await station.call("DataTransfer", {"vendorId": "1"}, message_id="x")

    await csms.until(lambda: bool(csms.strays))
    assert csms.strays[0][:3] == [5, "x", "TypeConstraintViolation"]


async def test_a_result_error_of_the_csms_is_counted(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station(version="2.1")

    await csms.sockets["CS-1"].send('[5,"a","FormatViolation","",{}]')
    await csms.call("CS-1", "ClearCache", {})

    assert station.parts.link.counts["result_errors"] == 1


async def test_a_handler_may_not_answer_and_others_still_do(csms: Csms, make_station: MakeStation) -> None:
    async def silence(payload: dict[str, Any]) -> Answer:
        return NO_ANSWER

    station = await make_station()
    station.on_call("Reset", silence)

    await csms.sockets["CS-1"].send('[2,"a","Reset",{"type":"OnIdle"}]')
    await csms.call("CS-1", "ClearCache", {})

    assert csms.strays == []


async def test_a_refusal_is_a_call_error(csms: Csms, make_station: MakeStation) -> None:
    async def refuse(payload: dict[str, Any]) -> Answer:
        raise CallRefusedError("GenericError", "not today", {"why": "rain"})

    station = await make_station()
    station.on_call("ClearCache", refuse)

    answer = await csms.ask("CS-1", '[2,"a","ClearCache",{}]')

    assert answer == [4, "a", "GenericError", "not today", {"why": "rain"}]


async def test_any_text_can_be_sent(csms: Csms, make_station: MakeStation) -> None:
    station = await make_station()

    await station.send_raw(json.dumps([3, "unasked", {}]))

    await csms.until(lambda: csms.strays == [[3, "unasked", {}]])


async def test_a_server_without_our_version_is_left(csms: Csms) -> None:
    """It completes the handshake without a subprotocol (part 4, 3.2)."""
    with pytest.raises(HandshakeRefusedError, match="subprotocol"):
        await open_socket(Target(f"{csms.url}/CS-1", "CS-1", "9.9", None))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(None, None, id="none"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", None, id="date"),
        pytest.param("-1", None, id="negative"),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds
