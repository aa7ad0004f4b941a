from typing import Any

from citrine_simulator import Store
from citrine_simulator.clock import format_time
from tests.clients.simulator.conftest import MakeStation
from tests.clients.simulator.csms import Csms
from tests.clients.simulator.manual_clock import ManualClock


def message(number: int, text: str = "Hello", **fields: Any) -> dict[str, Any]:
    content = {"format": "UTF8", "content": text}
    return {"message": {"id": number, "priority": "NormalCycle", "message": content, **fields}}


async def shown(csms: Csms, **fields: Any) -> list[int]:
    """Return the ids of what the station reports."""
    before = len(csms.of("NotifyDisplayMessages"))
    answer = await csms.call("CS-1", "GetDisplayMessages", {"requestId": 1, **fields})
    if answer["status"] == "Unknown":
        return []
    await csms.until(lambda: any(not part["tbc"] for part in csms.of("NotifyDisplayMessages")[before:]))
    return [one["id"] for part in csms.of("NotifyDisplayMessages")[before:] for one in part["messageInfo"]]


async def test_messages_are_reported_in_parts_and_survive_a_loss_of_power(
    csms: Csms, make_station: MakeStation
) -> None:
    store = Store()
    station = await make_station(store=store)
    for number in range(1, 7):
        await csms.call("CS-1", "SetDisplayMessage", message(number))
    await station.stop()
    await make_station(store=store)

    assert await shown(csms) == [1, 2, 3, 4, 5, 6]
    assert [part["tbc"] for part in csms.of("NotifyDisplayMessages")] == [True, False]
    assert await shown(csms, id=[2, 9]) == [2]
    assert await shown(csms, state="Idle") == []


async def test_messages_are_replaced_and_cleared(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    await csms.call("CS-1", "SetDisplayMessage", message(1))
    for number in (2, 3):
        await csms.call("CS-1", "SetDisplayMessage", message(number, priority="AlwaysFront"))
    await csms.call("CS-1", "SetDisplayMessage", message(1, "Other", priority="InFront"))

    assert await shown(csms) == [3, 1]
    assert await shown(csms, priority="InFront") == [1]
    assert await csms.call("CS-1", "ClearDisplayMessage", {"id": 1}) == {"status": "Accepted"}
    assert await csms.call("CS-1", "ClearDisplayMessage", {"id": 1}) == {"status": "Unknown"}


async def test_messages_end_with_their_transaction_or_time(
    csms: Csms, clock: ManualClock, make_station: MakeStation
) -> None:
    station = await make_station()
    unknown = await csms.call("CS-1", "SetDisplayMessage", message(1, transactionId="T-9"))
    await station.plug_in()
    transaction_id = await station.start_transaction()
    await csms.call("CS-1", "SetDisplayMessage", message(1, transactionId=transaction_id))
    await csms.call("CS-1", "SetDisplayMessage", message(2, endDateTime=format_time(clock.now())))

    assert unknown == {"status": "UnknownTransaction"}
    assert await shown(csms) == [1]
    await station.stop_transaction(transaction_id)
    assert await shown(csms) == []


async def test_what_the_display_can_t_show_is_refused(csms: Csms, make_station: MakeStation) -> None:
    await make_station()
    html = {"format": "HTML", "content": "<b>Hello</b>"}

    refused = await csms.call("CS-1", "SetDisplayMessage", message(1, message=html))
    answers = [await csms.call("CS-1", "SetDisplayMessage", message(number)) for number in range(11)]

    assert refused == {"status": "NotSupportedMessageFormat"}
    assert [answer["status"] for answer in answers] == ["Accepted"] * 10 + ["Rejected"]
