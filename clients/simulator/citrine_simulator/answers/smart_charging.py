"""Block K: charging profiles. They limit the power that vehicles draw."""

import math
from functools import partial
from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.clock import format_time
from citrine_simulator.connection import Answer
from citrine_simulator.evse import Evse
from citrine_simulator.parts import Parts
from citrine_simulator.profiles import VOLTAGE, Installed, Profiles

__all__ = ["SmartChargingAnswers"]

STEP = 60
"""Seconds between the limits that are sampled for a composite schedule."""

PHASES = 3


class SmartChargingAnswers:
    """Set-, Get- and ClearChargingProfile, GetCompositeSchedule."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._profiles = Profiles(
            parts.store.recall("profiles") or [],
            lambda: {transaction.transaction_id for transaction in parts.charging.transactions},
        )
        for evse in parts.charging.evses.values():
            evse.meter.limit = partial(self._limit, evse)

    @answers("SetChargingProfile")
    async def set_profile(self, payload: dict[str, Any]) -> Answer:
        """Install a profile; it takes effect at once (K01)."""
        evse_id, profile = payload["evseId"], payload["chargingProfile"]
        problem = self._problem(evse_id, profile)
        if problem:
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": problem}})
        self.install(evse_id, profile)
        return Answer({"status": "Accepted"})

    def install(self, evse_id: int, profile: dict[str, Any]) -> None:
        """Install a profile. It takes effect at once and replaces a profile with the same id (K01.FR.05)."""
        self._count()
        self._profiles.put(evse_id, profile, self._parts.now())
        self._remember()

    def _problem(self, evse_id: int, profile: dict[str, Any]) -> str:
        if evse_id not in (0, *self._parts.charging.evses):
            # K01.FR.28
            return "UnknownEvse"
        if profile["chargingProfilePurpose"] == "TxProfile":
            transaction = self._parts.charging.find(profile.get("transactionId", ""))
            if transaction is None or transaction.evse_id != evse_id:
                # K01.FR.09, K01.FR.33
                return "TxNotFound"
        if len(profile["chargingSchedule"]) > 1:
            return "InvalidSchedule"
        return ""

    @answers("ClearChargingProfile")
    async def clear_profiles(self, payload: dict[str, Any]) -> Answer:
        """Remove profiles (K10)."""
        criteria = payload.get("chargingProfileCriteria", {})
        found = self._profiles.matching(
            ids=[payload["chargingProfileId"]] if "chargingProfileId" in payload else (),
            evse_id=criteria.get("evseId"),
            purpose=criteria.get("chargingProfilePurpose"),
            level=criteria.get("stackLevel"),
        )
        self._count()
        self._profiles.remove(found)
        self._remember()
        return Answer({"status": "Accepted" if found else "Unknown"})

    @answers("GetChargingProfiles")
    async def get_profiles(self, payload: dict[str, Any]) -> Answer:
        """Report profiles, one message for each EVSE (K09)."""
        criterion = payload["chargingProfile"]
        found = self._profiles.matching(
            ids=criterion.get("chargingProfileId", ()),
            evse_id=payload.get("evseId"),
            purpose=criterion.get("chargingProfilePurpose"),
            level=criterion.get("stackLevel"),
        )
        if not found or "CSO" not in criterion.get("chargingLimitSource", ["CSO"]):
            return Answer({"status": "NoProfiles"})
        return Answer({"status": "Accepted"}, partial(self._report, payload["requestId"], found))

    async def _report(self, request_id: int, found: list[Installed]) -> None:
        evses = sorted({one.evse_id for one in found})
        for evse_id in evses:
            report = {
                "requestId": request_id,
                "chargingLimitSource": "CSO",
                "evseId": evse_id,
                "chargingProfile": [one.profile for one in found if one.evse_id == evse_id],
                "tbc": evse_id != evses[-1],
            }
            await self._parts.call("ReportChargingProfiles", report)

    @answers("GetCompositeSchedule")
    async def composite(self, payload: dict[str, Any]) -> Answer:
        """Return the limits of an EVSE, or of all together, from now on (K08)."""
        evse_id, unit = payload["evseId"], payload.get("chargingRateUnit", "W")
        evses = [one for one in self._parts.charging.evses.values() if evse_id in (0, one.evse_id)]
        if not evses:
            # K08.FR.05
            return Answer({"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}})
        now = self._parts.now()
        periods: list[dict[str, Any]] = []
        for start in range(0, max(1, payload["duration"]), STEP):
            moment = now.timestamp() + start
            watts = sum(min(self._parts.config.power, self._limit(one, moment)) for one in evses)
            limit = round(watts if unit == "W" else watts / VOLTAGE / PHASES, 1)
            if not periods or periods[-1]["limit"] != limit:
                periods.append({"startPeriod": start, "limit": limit})
        schedule = {
            "evseId": evse_id,
            "duration": payload["duration"],
            "scheduleStart": format_time(now),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods[:1024],
        }
        return Answer({"status": "Accepted", "schedule": schedule})

    def _limit(self, evse: Evse, moment: float | None = None) -> float:
        transaction_id = evse.transaction.transaction_id if evse.transaction is not None else None
        at = self._parts.now().timestamp() if moment is None else moment
        limit = self._profiles.limit(evse.evse_id, transaction_id, at)
        # Vehicles pause below 6 A.
        return limit if limit >= 6 * VOLTAGE or math.isinf(limit) else 0.0

    def _count(self) -> None:
        """Advance all meters under the limits that applied until now."""
        for evse in self._parts.charging.evses.values():
            evse.meter.advance(self._parts.clock.monotonic())

    def _remember(self) -> None:
        self._parts.store.remember("profiles", self._profiles.to_json())
