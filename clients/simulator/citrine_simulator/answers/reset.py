"""Block B: Reset of the station or of one EVSE (B11, B12)."""

from functools import partial
from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.clock import sleep_or
from citrine_simulator.connection import Answer
from citrine_simulator.evse import Evse
from citrine_simulator.parts import Parts

__all__ = ["ResetAnswers"]


class ResetAnswers:
    """Reset, at once or when idle. The station then disconnects and boots."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @answers("Reset")
    async def reset(self, payload: dict[str, Any]) -> Answer:
        """Accept a reset, or schedule it after the end of the transactions concerned."""
        evse_id = payload.get("evseId")
        evses = self._parts.charging.evses
        if evse_id is not None and evse_id not in evses:
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}})
        chosen = list(evses.values()) if evse_id is None else [evses[evse_id]]
        busy = any(evse.transaction is not None for evse in chosen)
        whole = evse_id is None
        if payload["type"] == "OnIdle" and busy:
            # B12.FR.01
            for evse in chosen:
                evse.resetting = True
            self._parts.charging.refresh()
            return Answer({"status": "Scheduled"}, partial(self._reset_when_idle, chosen, whole))
        # B11.FR.03, B12.FR.02
        return Answer({"status": "Accepted"}, partial(self._reset_now, chosen, whole, payload["type"]))

    async def stop_and_reset(self, reason: str) -> None:
        """End all transactions with this reason, then reboot."""
        for transaction in self._parts.charging.transactions:
            self._parts.charging.stop(transaction, "ResetCommand", reason)
        await self._finish(list(self._parts.charging.evses.values()), True, "RemoteReset")

    async def _reset_now(self, chosen: list[Evse], whole: bool, kind: str) -> None:
        if kind == "ImmediateAndResume":
            self._parts.store.remember("resume", True)
        else:
            for evse in chosen:
                if evse.transaction is not None:
                    # B12.FR.04, B12.FR.08
                    self._parts.charging.stop(evse.transaction, "ResetCommand", "ImmediateReset")
        await self._finish(chosen, whole, "RemoteReset")

    async def _reset_when_idle(self, chosen: list[Evse], whole: bool) -> None:
        while any(evse.transaction is not None for evse in chosen):
            self._parts.charging.ended.clear()
            await self._parts.charging.ended.wait()
        await self._finish(chosen, whole, "ScheduledReset")

    async def _finish(self, chosen: list[Evse], whole: bool, reason: str) -> None:
        # B12.FR.05: messages without an answer within the timeout stay queued and are sent after the reboot.
        timeout = self._parts.model.integer("OCPPCommCtrlr.MessageTimeout[Default]")
        await sleep_or(self._parts.clock, timeout, self._parts.delivery.empty)
        if whole:
            self._parts.reboot(reason)
            return
        for evse in chosen:
            evse.resetting = False
        self._parts.charging.refresh()
