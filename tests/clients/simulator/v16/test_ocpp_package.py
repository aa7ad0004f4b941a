"""A 1.6 station with a CSMS that is built on the `ocpp` package: somebody else's reading of the specification."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import AuthorizationStatus, RegistrationStatus
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from citrine_simulator import Schemas, Station, StationConfig
from tests.support.waiting import WAIT


class Csms(ChargePoint):  # type: ignore[misc]
    """The CSMS's side of one connection, as the package names it."""

    def __init__(self, station_id: str, socket: ServerConnection) -> None:
        super().__init__(station_id, socket)
        self.done: list[str] = []

    @on("BootNotification")  # type: ignore[untyped-decorator]
    def on_boot(self, **_: Any) -> call_result.BootNotification:
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=300, status=RegistrationStatus.accepted)

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    def on_status(self, status: str, **_: Any) -> call_result.StatusNotification:
        self.done.append(status)
        return call_result.StatusNotification()

    @on("SecurityEventNotification")  # type: ignore[untyped-decorator]
    def on_security_event(self, **_: Any) -> call_result.SecurityEventNotification:
        return call_result.SecurityEventNotification()

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    def on_start(self, **_: Any) -> call_result.StartTransaction:
        self.done.append("StartTransaction")
        info = IdTagInfo(status=AuthorizationStatus.accepted)
        return call_result.StartTransaction(transaction_id=99, id_tag_info=info)

    @on("StopTransaction")  # type: ignore[untyped-decorator]
    def on_stop(self, transaction_id: int, **_: Any) -> call_result.StopTransaction:
        self.done.append(f"StopTransaction {transaction_id}")
        return call_result.StopTransaction()


async def test_a_session_is_commanded_by_a_csms_of_the_ocpp_package(schemas: dict[str, Schemas]) -> None:
    connected: asyncio.Future[Csms] = asyncio.get_running_loop().create_future()

    async def handle(socket: ServerConnection) -> None:
        csms = Csms("CS-1", socket)
        connected.set_result(csms)
        with contextlib.suppress(ConnectionClosed):
            await csms.start()

    async with serve(handle, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        station = Station(StationConfig(station_id="CS-1", url=url, version="1.6"), schemas=schemas["1.6"])
        await station.start()
        csms = await asyncio.wait_for(connected, WAIT)
        await station.wait_for("accepted")

        keys = await csms.call(call.GetConfiguration(key=["NumberOfConnectors"]))
        charging = station.expect("charging")
        started = await csms.call(call.RemoteStartTransaction(id_tag="A"))
        await charging
        await station.wait_for("queue_empty")
        stopped = await csms.call(call.RemoteStopTransaction(transaction_id=99))
        await station.wait_for("queue_empty")
        await station.stop()

    assert keys.configuration_key == [{"key": "NumberOfConnectors", "readonly": True, "value": "1"}]
    assert (started.status, stopped.status) == ("Accepted", "Accepted")
    assert [one for one in csms.done if "Transaction" in one] == ["StartTransaction", "StopTransaction 99"]
