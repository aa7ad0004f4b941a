"""Charging at the EVSEs of a station: plugging in, authorizing, charging, ending (block E), status (G)."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from citrine_simulator import messages
from citrine_simulator.clock import Clock
from citrine_simulator.config import StationConfig
from citrine_simulator.connection import Spawn
from citrine_simulator.delivery import Delivery
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.errors import UsageError
from citrine_simulator.evse import Connector, Evse, Transaction
from citrine_simulator.meter import Meter
from citrine_simulator.store import StationStore
from citrine_simulator.tap import Tap

__all__ = ["Charging"]

REGISTER = "Energy.Active.Import.Register"

LOWEST_SOC = 10.0
HIGHEST_SOC = 60.0
"""State of charge of arriving EVs, in %: a random value between these."""


class Charging:
    """The EVSEs of one station.

    No method waits for the CSMS: transaction messages go into the queue, and ``status_changed`` is called after a
    change of status.
    """

    def __init__(
        self,
        config: StationConfig,
        model: DeviceModel,
        store: StationStore,
        delivery: Delivery,
        clock: Clock,
        now: Callable[[], datetime],
        online: asyncio.Event,
        new_id: Callable[[], str],
        random: random.Random,
        emit: Callable[..., None],
        spawn: Spawn,
        status_changed: Callable[[], None],
        tap: Tap,
    ) -> None:
        self._config = config
        self._model = model
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._now = now
        self._online = online
        self._new_id = new_id
        self._random = random
        self._emit = emit
        self._spawn = spawn
        self._status_changed = status_changed
        self._tap = tap
        self.operative = True
        self.ended = asyncio.Event()
        """Set when a transaction ends, and never cleared here: clear it before waiting for it."""
        registers = store.recall("registers") or {}
        self.evses = {
            evse_id: Evse(
                evse_id,
                Meter(
                    registers.get(str(evse_id), config.meter_start),
                    config.power,
                    config.battery,
                    config.speed,
                    # meterStart and meterStop of 1.6 are whole.
                    digits=0 if config.version == "1.6" else 1,
                ),
                {number: Connector(evse_id, number) for number in range(1, config.connectors_per_evse + 1)},
            )
            for evse_id in range(1, config.evses + 1)
        }

    @property
    def transactions(self) -> list[Transaction]:
        """All open transactions."""
        return [evse.transaction for evse in self.evses.values() if evse.transaction is not None]

    @property
    def connectors(self) -> Iterator[tuple[Connector, str]]:
        """All connectors, each with its status."""
        for evse in self.evses.values():
            for connector in evse.connectors.values():
                yield connector, evse.status(connector, self.operative)

    def evse(self, evse_id: int) -> Evse:
        """Return an EVSE; raises UsageError if it does not exist."""
        if evse_id not in self.evses:
            raise UsageError(f"there is no EVSE {evse_id}")
        return self.evses[evse_id]

    def find(self, transaction_id: str) -> Transaction | None:
        """Return an open transaction, or None."""
        return next((one for one in self.transactions if one.transaction_id == transaction_id), None)

    def plug_in(self, evse_id: int, connector_id: int = 1) -> None:
        """Connect an EV. The transaction starts if TxStartPoint contains EVConnected (E02)."""
        evse = self.evse(evse_id)
        connector = evse.connectors[connector_id]
        if connector.plugged_in:
            return
        connector.plugged_in, connector.has_charged = True, False
        evse.meter.connect(self._random.uniform(LOWEST_SOC, HIGHEST_SOC))
        self.refresh()
        if evse.transaction is not None:
            self.change_state(evse.transaction, "EVConnected", "CablePluggedIn")
            if evse.transaction.authorized:
                self._allow_energy(evse)
        elif "EVConnected" in self._model.members("TxCtrlr.TxStartPoint"):
            evse.transaction = Transaction(self._new_id(), evse_id, connector_id)
            self._event(evse, "Started", "CablePluggedIn")

    def unplug(self, evse_id: int, connector_id: int = 1) -> None:
        """Disconnect the EV; an open transaction ends (E09)."""
        evse = self.evse(evse_id)
        if evse.transaction is not None and evse.transaction.connector_id == connector_id:
            self.stop(evse.transaction, "EVDeparted", "EVDisconnected")
        connector = evse.connectors[connector_id]
        connector.plugged_in, connector.has_charged = False, False
        self.refresh()

    def authorize(
        self, evse_id: int, token: Mapping[str, Any], trigger: str = "Authorized", remote_start_id: int | None = None
    ) -> Transaction:
        """Allow charging for an accepted token; start the transaction if there is none (E01, E03).

        Raises:
            UsageError: When the EVSE is not free.
        """
        evse = self.evse(evse_id)
        connector = evse.free(self.operative, token["idToken"])
        if connector is None:
            raise UsageError(f"EVSE {evse_id} is not free")
        reservation, evse.reservation = evse.reservation, None
        event_type = "Updated"
        if evse.transaction is None:
            event_type = "Started"
            evse.transaction = Transaction(self._new_id(), evse_id, connector.connector_id)
        transaction = evse.transaction
        transaction.charging_state = "EVConnected" if connector.plugged_in else "Idle"
        transaction.id_token = dict(token)
        transaction.remote_start_id = remote_start_id
        if reservation is not None:
            # H03.FR.09, H01.FR.15
            reservation.over.set()
            transaction.reservation_id = reservation.reservation_id
            self.refresh()
        self._event(evse, event_type, trigger, token=token)
        if connector.plugged_in:
            self._allow_energy(evse)
        return transaction

    def meter(self, transaction: Transaction, trigger: str = "MeterValuePeriodic") -> None:
        """Send the current meter values in a TransactionEvent Updated."""
        context = "Trigger" if trigger == "Trigger" else "Sample.Periodic"
        self._event(self.evse(transaction.evse_id), "Updated", trigger, context=context)

    def change_state(self, transaction: Transaction, state: str, trigger: str = "ChargingStateChanged") -> None:
        """Change the charging state and report it. Energy flows in the state Charging only."""
        evse = self.evse(transaction.evse_id)
        evse.meter.advance(self._clock.monotonic())
        evse.meter.charging = state == "Charging"
        transaction.charging_state = state
        self._event(evse, "Updated", trigger)
        self._status_changed()

    def stop(self, transaction: Transaction, trigger: str, reason: str, token: Mapping[str, Any] | None = None) -> None:
        """End a transaction (E06). Does nothing if it has ended already."""
        evse = self.evse(transaction.evse_id)
        if evse.transaction is not transaction:
            return
        evse.meter.advance(self._clock.monotonic())
        evse.meter.charging = False
        plugged_in = evse.connectors[transaction.connector_id].plugged_in and reason != "EVDisconnected"
        transaction.charging_state = "EVConnected" if plugged_in else "Idle"
        self._event(evse, "Ended", trigger, token=token, stopped_reason=reason)
        evse.transaction = None
        evse.connectors[transaction.connector_id].has_charged = plugged_in
        self.ended.set()
        self.refresh()

    def answered(self, event: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Apply the answer to a TransactionEventRequest: cost, group and authorization (E05, E06)."""
        transaction = self.find(event["transactionInfo"]["transactionId"])
        if transaction is None:
            return
        transaction.total_cost = answer.get("totalCost", transaction.total_cost)
        info = answer.get("idTokenInfo")
        if info is None:
            return
        transaction.group_id = info.get("groupIdToken", {}).get("idToken", transaction.group_id)
        if info.get("status") != "Accepted" and transaction.authorized:
            if self._model.flag("TxCtrlr.StopTxOnInvalidId"):
                # E05.FR.10
                self.stop(transaction, "Deauthorized", "DeAuthorized")
            else:
                self.change_state(transaction, "SuspendedEVSE", "ChargingStateChanged")

    def change_availability(self, evse_id: int | None, connector_id: int | None, operative: bool) -> str:
        """Set the availability of the station, an EVSE or a connector; return Accepted or Scheduled (G03, G04).

        The three levels are stored independently. During a transaction, the change takes effect after its end.
        """
        chosen = list(self.evses.values()) if evse_id is None else [self.evse(evse_id)]
        if evse_id is None:
            self.operative = operative
        elif connector_id is None:
            self.evse(evse_id).operative = operative
        else:
            self.evse(evse_id).connectors[connector_id].operative = operative
        self.refresh()
        scheduled = not operative and any(one.is_busy(connector_id) for one in chosen)
        return "Scheduled" if scheduled else "Accepted"

    def refresh(self) -> None:
        """Store the availability, update the statuses in the device model, and call ``status_changed``."""
        self._store.remember("availability", self._availability())
        for evse in self.evses.values():
            if evse.reservation is not None and (evse.out_of_order or not self.operative):
                # H01.FR.16, H01.FR.17
                evse.reservation.over.set()
        for connector, status in self.connectors:
            ids = connector.evse_id, connector.connector_id
            self._model.assign("Connector.AvailabilityState", status, *ids)
            self._model.assign("EVSE.AvailabilityState", status, connector.evse_id)
        available = self.operative or any(evse.is_busy() for evse in self.evses.values())
        self._model.assign("ChargingStation.AvailabilityState", "Available" if available else "Unavailable")
        self._status_changed()

    def restore(self) -> list[Transaction]:
        """Restore the availability after a power loss; return the transactions that were open before it."""
        availability = self._store.recall("availability") or {}
        self.operative = availability.get("station", True)
        for evse in self.evses.values():
            evse.operative = availability.get(str(evse.evse_id), True)
            for connector in evse.connectors.values():
                connector.operative = availability.get(f"{evse.evse_id}.{connector.connector_id}", True)
        return [Transaction.from_json(one) for one in self._store.recall("transactions") or []]

    def resume(self, transaction: Transaction, go_on: bool) -> None:
        """Reopen an interrupted transaction; continue it or, if not ``go_on``, end it at once."""
        evse = self.evse(transaction.evse_id)
        evse.transaction = transaction
        evse.connectors[transaction.connector_id].plugged_in = True
        if not go_on:
            self.stop(transaction, "AbnormalCondition", "PowerLoss")
            return
        trigger = "TxResumed" if self._config.version == "2.1" else "ChargingStateChanged"
        if transaction.authorized:
            self._allow_energy(evse, trigger)

    def _availability(self) -> dict[str, bool]:
        stored = {"station": self.operative}
        for evse in self.evses.values():
            stored[str(evse.evse_id)] = evse.operative
            stored |= {f"{evse.evse_id}.{one.connector_id}": one.operative for one in evse.connectors.values()}
        return stored

    def _allow_energy(self, evse: Evse, trigger: str = "ChargingStateChanged") -> None:
        transaction = evse.transaction
        if transaction is None:
            return
        self.change_state(transaction, "Charging", trigger)
        self._emit("charging", transaction_id=transaction.transaction_id, evse_id=evse.evse_id)
        if self._config.auto_meter:
            self._spawn(self._sample(evse, transaction))

    async def _sample(self, evse: Evse, transaction: Transaction) -> None:
        """Send samples until the transaction ends."""
        while evse.transaction is transaction:
            interval = self._model.integer("SampledDataCtrlr.TxUpdatedInterval") or 3600
            await self._clock.sleep(interval / self._config.speed)
            if evse.transaction is not transaction:
                return
            evse.meter.advance(self._clock.monotonic())
            if evse.meter.charging and evse.meter.soc >= 100:
                self.change_state(transaction, "SuspendedEV")
            else:
                self.meter(transaction)

    def _event(
        self,
        evse: Evse,
        event_type: str,
        trigger: str,
        context: str | None = None,
        token: Mapping[str, Any] | None = None,
        stopped_reason: str | None = None,
    ) -> None:
        """Queue the next message of the EVSE's transaction and store its new state, atomically."""
        transaction = evse.transaction
        if transaction is None:
            raise UsageError(f"EVSE {evse.evse_id} has no transaction")
        evse.meter.advance(self._clock.monotonic())
        if event_type == "Updated" and not self._is_reported(trigger):
            self._store.remember("transactions", [one.to_json() for one in self.transactions])
            return
        measurands = self._measurands(event_type)
        samples = self._tap.samples(evse.evse_id, evse.meter.sample(measurands, context or _CONTEXTS[event_type]))
        event = messages.transaction_event(
            transaction, event_type, trigger, self._now(), not self._online.is_set(), samples, token, stopped_reason
        )
        stored = [one.to_json() for one in self.transactions if event_type != "Ended" or one is not transaction]
        registers = {str(one.evse_id): one.meter.register for one in self.evses.values()}
        self._delivery.put(event, {"transactions": stored, "registers": registers})
        self._emit(
            f"transaction_{event_type.lower()}",
            transaction_id=transaction.transaction_id,
            seq_no=event["seqNo"],
            trigger=trigger,
            energy=evse.meter.reading,
        )

    def _is_reported(self, trigger: str) -> bool:
        """Return whether a change within a transaction has a message: in 1.6, only samples of the meter have."""
        return self._config.version != "1.6" or trigger in ("MeterValuePeriodic", "MeterValueClock", "Trigger")

    def _measurands(self, event_type: str) -> list[str]:
        measurands = self._model.members(f"SampledDataCtrlr.Tx{event_type}Measurands")
        if self._config.version == "1.6" and event_type != "Updated" and REGISTER not in measurands:
            # meterStart and meterStop do not depend on the configuration.
            return [REGISTER, *measurands]
        return measurands


_CONTEXTS = {"Started": "Transaction.Begin", "Updated": "Other", "Ended": "Transaction.End"}
"""Default ReadingContext of samples, by event type."""
