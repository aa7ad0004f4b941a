"""Charging profiles of a station, and the limits that result from them. No I/O."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from citrine_simulator.clock import parse_time

__all__ = ["Installed", "Profiles"]

VOLTAGE = 230.0

_RECURRENCE = {"Daily": 86400.0, "Weekly": 7 * 86400.0}


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed profile, as the CSMS sent it."""

    evse_id: int
    profile: dict[str, Any]
    since: float
    """Time of its installation in seconds since 1970. Relative profiles begin there."""

    def periods(self) -> Iterator[tuple[float, float]]:
        """Yield each period: its start, in seconds after the start of the schedule, and its limit in W."""
        schedule = self.profile["chargingSchedule"][0]
        for period in schedule["chargingSchedulePeriod"]:
            factor = 1.0 if schedule["chargingRateUnit"] == "W" else VOLTAGE * period.get("numberPhases", 3)
            yield float(period["startPeriod"]), period["limit"] * factor

    def limit(self, moment: float) -> float | None:
        """Return its limit at a time, in W; None if it does not apply then."""
        valid = _seconds(self.profile.get("validFrom"), -math.inf), _seconds(self.profile.get("validTo"), math.inf)
        schedule = self.profile["chargingSchedule"][0]
        elapsed = moment - _seconds(schedule.get("startSchedule"), self.since)
        recurrence = _RECURRENCE.get(self.profile.get("recurrencyKind", ""))
        if recurrence is not None:
            elapsed %= recurrence
        if not valid[0] <= moment < valid[1] or not 0 <= elapsed < schedule.get("duration", math.inf):
            return None
        return [limit for start, limit in self.periods() if start <= elapsed][-1]


def _seconds(text: str | None, default: float) -> float:
    return default if text is None else parse_time(text).timestamp()


class Profiles:
    """The profiles of one station.

    Args:
        remembered: Result of :meth:`to_json` before a power loss.
        transactions: Returns the ids of open transactions.
    """

    def __init__(self, remembered: Iterable[Mapping[str, Any]], transactions: Callable[[], Collection[str]]) -> None:
        self._transactions = transactions
        self._installed = {one["profile"]["id"]: Installed(**one) for one in remembered}

    def to_json(self) -> list[dict[str, Any]]:
        """Return the profiles as JSON, to store them over a power loss (K01.FR.27)."""
        return [asdict(one) for one in self.all()]

    def all(self) -> list[Installed]:
        """Return the profiles, without those of ended transactions (K02.FR.05)."""
        opened = self._transactions()
        self._installed = {
            profile_id: one
            for profile_id, one in self._installed.items()
            if one.profile["chargingProfilePurpose"] != "TxProfile" or one.profile.get("transactionId") in opened
        }
        return list(self._installed.values())

    def put(self, evse_id: int, profile: dict[str, Any], now: datetime) -> None:
        """Install a profile. It replaces a profile with the same id (K01.FR.05)."""
        self._installed[profile["id"]] = Installed(evse_id, profile, now.timestamp())

    def remove(self, profiles: Iterable[Installed]) -> None:
        """Remove profiles."""
        for one in list(profiles):
            del self._installed[one.profile["id"]]

    def matching(
        self,
        *,
        ids: Collection[int] = (),
        evse_id: int | None = None,
        purpose: str | None = None,
        level: int | None = None,
    ) -> list[Installed]:
        """Return the profiles that match all given criteria."""
        return [
            one
            for one in self.all()
            if (not ids or one.profile["id"] in ids)
            and evse_id in (None, one.evse_id)
            and purpose in (None, one.profile["chargingProfilePurpose"])
            and level in (None, one.profile["stackLevel"])
        ]

    def limit(self, evse_id: int, transaction_id: str | None, moment: float) -> float:
        """Return the limit of an EVSE at a time, in W; infinite if no profile applies."""
        lowest = _leading(self.matching(evse_id=0, purpose="ChargingStationMaxProfile"), moment)
        own = [one for one in self.matching(purpose="TxProfile") if one.profile["transactionId"] == transaction_id]
        defaults = [one for one in self.matching(purpose="TxDefaultProfile") if one.evse_id in (0, evse_id)]
        of_transaction = _leading(own, moment)
        if of_transaction is None:
            of_transaction = _leading(defaults, moment)
        return min(limit for limit in (lowest, of_transaction, math.inf) if limit is not None)


def _leading(profiles: list[Installed], moment: float) -> float | None:
    """Return the limit of the profile with the highest stack level among those that apply, or None."""
    for one in sorted(profiles, key=lambda one: -one.profile["stackLevel"]):
        limit = one.limit(moment)
        if limit is not None:
            return limit
    return None
