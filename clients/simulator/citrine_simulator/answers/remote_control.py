"""Blocks F, C, E and I: remote control of transactions, connectors and tokens."""

from collections.abc import Callable
from functools import partial
from typing import Any

from citrine_simulator import messages
from citrine_simulator.answers.base import answers
from citrine_simulator.answers.firmware import last_status
from citrine_simulator.connection import Answer
from citrine_simulator.errors import UsageError
from citrine_simulator.evse import Connector, Evse, Transaction
from citrine_simulator.parts import Parts
from citrine_simulator.registration import Status

__all__ = ["RemoteControlAnswers"]

InstallProfile = Callable[[int, dict[str, Any]], None]
"""Installs a charging profile on an EVSE."""

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


def rejected(code: str, text: str = "") -> Answer:
    """Return a rejection with a reasonCode of the specification's appendix and a text for people."""
    return Answer({**REJECTED, "statusInfo": {"reasonCode": code, **({"additionalInfo": text} if text else {})}})


class RemoteControlAnswers:
    """RequestStart- and RequestStopTransaction, UnlockConnector, TriggerMessage, ClearCache and others."""

    def __init__(self, parts: Parts, install_profile: InstallProfile) -> None:
        self._parts = parts
        self._install_profile = install_profile

    @answers("RequestStartTransaction")
    async def start(self, payload: dict[str, Any]) -> Answer:
        """Start a transaction on the named EVSE, or on a free one if none is named (F01, F02)."""
        if self._parts.registration.status is not Status.ACCEPTED:
            # B02.FR.05
            return rejected("CSNotAccepted")
        evse = self._free_evse(payload.get("evseId"), payload["idToken"]["idToken"])
        if evse is None:
            # F01.FR.23, F01.FR.24
            return rejected(*self._why_none(payload.get("evseId")))
        answer: dict[str, Any] = {"status": "Accepted"}
        if evse.transaction is not None:
            # F01.FR.13
            answer["transactionId"] = evse.transaction.transaction_id
        begin = partial(self._start, evse, payload["idToken"], payload["remoteStartId"], payload.get("chargingProfile"))
        return Answer(answer, begin)

    @answers("RequestStopTransaction")
    async def stop(self, payload: dict[str, Any]) -> Answer:
        """End an open transaction (F03)."""
        transaction = self._parts.charging.find(payload["transactionId"])
        if self._parts.registration.status is not Status.ACCEPTED:
            # B02.FR.05
            return rejected("CSNotAccepted")
        if transaction is None:
            # F03.FR.08
            return rejected("TxNotFound", "no such transaction is under way")
        return Answer(ACCEPTED, partial(self._stop, transaction))

    @answers("UnlockConnector")
    async def unlock(self, payload: dict[str, Any]) -> Answer:
        """Unlock a connector without an authorized transaction (F05). With auto_plug_in, its EV then drives away."""
        evse = self._parts.charging.evses.get(payload["evseId"])
        if evse is None or payload["connectorId"] not in evse.connectors:
            # F05.FR.03
            return Answer({"status": "UnknownConnector"})
        transaction = evse.transaction
        if transaction is not None and transaction.authorized and transaction.connector_id == payload["connectorId"]:
            # F05.FR.02
            return Answer({"status": "OngoingAuthorizedTransaction"})
        return Answer({"status": "Unlocked"}, partial(self._drive_away, evse, payload["connectorId"]))

    @answers("TriggerMessage")
    async def trigger(self, payload: dict[str, Any]) -> Answer:
        """Send the message that the CSMS requests (F06)."""
        evse = payload.get("evse", {})
        match payload["requestedMessage"]:
            case "BootNotification":
                if self._parts.registration.status is Status.ACCEPTED:
                    # F06.FR.17
                    return Answer(REJECTED)
                return Answer(ACCEPTED, self._boot)
            case "Heartbeat":
                return Answer(ACCEPTED, self._parts.heartbeats.beat)
            case "StatusNotification":
                return self._trigger_status(evse)
            case "MeterValues":
                return self._trigger_meter_values(evse)
            case "TransactionEvent":
                return self._trigger_transaction_event(evse)
            case "SignChargingStationCertificate":
                # F06.FR.01, A02.FR.02
                return Answer(ACCEPTED, partial(self._parts.certificate_order.place, with_new_key=True))
            case "LogStatusNotification" as action:
                # F06.FR.15
                return Answer(ACCEPTED, partial(self._send, action, {"status": "Idle"}))
            case "FirmwareStatusNotification" as action:
                # F06.FR.16
                return Answer(ACCEPTED, partial(self._send, action, last_status(self._parts.store)))
        # F06.FR.08
        return Answer({"status": "NotImplemented"})

    @answers("ClearCache")
    async def clear_cache(self, payload: dict[str, Any]) -> Answer:
        """Clear the authorization cache (C11)."""
        return Answer(ACCEPTED if self._parts.authorization.clear_cache() else REJECTED)

    @answers("GetTransactionStatus")
    async def transaction_status(self, payload: dict[str, Any]) -> Answer:
        """Return whether a transaction is open and whether messages are queued (E14)."""
        transaction_id = payload.get("transactionId")
        answer = {"messagesInQueue": self._parts.store.count(transaction_id) > 0}
        if transaction_id is not None:
            # E14.FR.06
            answer["ongoingIndicator"] = self._parts.charging.find(transaction_id) is not None
        return Answer(answer)

    @answers("CostUpdated")
    async def cost_updated(self, payload: dict[str, Any]) -> Answer:
        """Show the running cost (I02)."""
        transaction = self._parts.charging.find(payload["transactionId"])
        if transaction is not None:
            transaction.total_cost = payload["totalCost"]
        return Answer({})

    def _free_evse(self, evse_id: int | None, id_token: str) -> Evse | None:
        charging = self._parts.charging
        chosen = [evse for evse in charging.evses.values() if evse_id in (None, evse.evse_id)]
        # F01.FR.20
        return next((evse for evse in chosen if evse.free(charging.operative, id_token) is not None), None)

    def _why_none(self, evse_id: int | None) -> tuple[str, str]:
        """Return reason code and text why no transaction can start on an EVSE, or on any."""
        charging = self._parts.charging
        chosen = [evse for evse in charging.evses.values() if evse_id in (None, evse.evse_id)]
        if not chosen:
            return "UnknownEvse", f"there is no EVSE {evse_id}"
        for evse in chosen:
            if evse.transaction is not None:
                return "TxInProgress", f"EVSE {evse.evse_id} is in use by transaction {evse.transaction.transaction_id}"
        for evse in chosen:
            if evse.reservation is not None:
                return "NotEnabled", f"EVSE {evse.evse_id} is reserved: {evse.reservation.reservation_id}"
        return "NotEnabled", f"EVSE {chosen[0].evse_id} is out of service"

    async def _start(
        self, evse: Evse, token: dict[str, Any], remote_start_id: int, profile: dict[str, Any] | None
    ) -> None:
        if self._parts.model.flag("AuthCtrlr.AuthorizeRemoteStart"):
            # F01.FR.01
            info = await self._parts.authorization.authorize(token)
            if info["status"] != "Accepted":
                return
        charging = self._parts.charging
        connector = evse.free(charging.operative, token["idToken"])
        if self._parts.config.version == "1.6" and self._parts.config.auto_plug_in and connector is not None:
            # In 1.6, a transaction starts only when the EV is there.
            charging.plug_in(evse.evse_id, connector.connector_id)
        try:
            # F01.FR.19, F01.FR.25
            transaction = charging.authorize(evse.evse_id, token, "RemoteStart", remote_start_id)
        except UsageError:
            # Another transaction started on the EVSE first.
            return
        if profile is not None:
            # F01.FR.10
            self._install_profile(evse.evse_id, {**profile, "transactionId": transaction.transaction_id})
        if self._parts.config.auto_plug_in:
            charging.plug_in(evse.evse_id, transaction.connector_id)

    async def _drive_away(self, evse: Evse, connector_id: int) -> None:
        if self._parts.config.auto_plug_in and evse.transaction is None:
            self._parts.charging.unplug(evse.evse_id, connector_id)

    async def _stop(self, transaction: Transaction) -> None:
        # F03.FR.03
        self._parts.charging.stop(transaction, "RemoteStop", "Remote")

    async def _boot(self) -> None:
        self._parts.registration.triggered.set()

    async def _send(self, action: str, payload: dict[str, Any]) -> None:
        await self._parts.call(action, payload)

    def _trigger_status(self, evse: dict[str, Any]) -> Answer:
        key = evse.get("id"), evse.get("connectorId")
        for connector, status in self._parts.charging.connectors:
            if (connector.evse_id, connector.connector_id) == key:
                return Answer(ACCEPTED, partial(self._report, connector, status))
        # F06.FR.12
        return rejected("UnknownConnectorId")

    def _trigger_meter_values(self, evse: dict[str, Any]) -> Answer:
        chosen = [one for one in self._parts.charging.evses.values() if evse.get("id") in (None, one.evse_id)]
        return Answer(ACCEPTED, partial(self._send_meter_values, chosen)) if chosen else Answer(REJECTED)

    def _trigger_transaction_event(self, evse: dict[str, Any]) -> Answer:
        chosen = [one for one in self._parts.charging.transactions if evse.get("id") in (None, one.evse_id)]
        if not chosen or self._parts.registration.status is not Status.ACCEPTED:
            return Answer(REJECTED)
        return Answer(ACCEPTED, partial(self._send_transaction_events, chosen))

    async def _report(self, connector: Connector, status: str) -> None:
        await self._parts.statuses.report(connector, status)

    async def _send_meter_values(self, evses: list[Evse]) -> None:
        # F06.FR.06
        measurands = self._parts.model.members("AlignedDataCtrlr.Measurands")
        for evse in evses:
            evse.meter.advance(self._parts.clock.monotonic())
            samples = evse.meter.sample(measurands, "Trigger")
            if samples:
                await self._parts.call("MeterValues", messages.meter_values(evse.evse_id, samples, self._parts.now()))

    async def _send_transaction_events(self, transactions: list[Transaction]) -> None:
        for transaction in transactions:
            if self._parts.charging.find(transaction.transaction_id) is not None:
                # F06.FR.07
                self._parts.charging.meter(transaction, "Trigger")
