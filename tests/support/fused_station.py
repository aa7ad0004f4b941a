"""A station with a fuse, played by a test: it has profiles as K01 says, and its vehicles draw all that they may."""

import math
from collections.abc import Callable

from google.protobuf.message import Message

from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types

__all__ = ["ACCEPTED", "REJECTED", "FusedStation"]

ACCEPTED = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
REJECTED = ocpp.SetChargingProfileResponse(status=ocpp.CHARGING_PROFILE_STATUS_ENUM_REJECTED)
CLEARED = ocpp.ClearChargingProfileResponse(status=ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED)
LOST = link.CommandFailure(reason=link.CommandFailure.REASON_TIMEOUT)

TX = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE
TX_DEFAULT = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE

WATTS = 690.0


class FusedStation:
    """What one station has, and how much its vehicles may draw by it.

    Args:
        evses: How many it has.
        mood: Returns "accept", "reject", "lose" (it takes the profile, and its answer is lost) or "miss" (the message
            is lost) for each profile of an EVSE.
    """

    def __init__(self, evses: int = 2, mood: Callable[[int], str] = lambda evse_id: "accept") -> None:
        self.evses = evses
        self.mood = mood
        self.transactions: dict[int, str] = {}
        """By EVSE, those under way."""
        self.profiles: dict[int, tuple[int, types.ChargingProfile]] = {}
        self.most_drawn = 0.0
        """A on one phase that all vehicles together could draw at most, since it was last reset."""
        self.allowed = math.inf
        """A on one phase that they may draw together."""
        self.excesses: list[str] = []
        """When they could draw more, what had happened by then."""
        self.log: list[str] = []

    def answer(self, command: link.Command) -> Message | link.CommandFailure | None:
        """Do what a command says."""
        request = unwrap(command.request)
        if isinstance(request, ocpp.ClearChargingProfileRequest):
            self.profiles.pop(request.charging_profile_id, None)
            return CLEARED
        assert isinstance(request, ocpp.SetChargingProfileRequest), request
        mood = self.mood(request.evse_id)
        profile = request.charging_profile
        if profile.charging_profile_purpose == TX and self.transactions.get(request.evse_id) != profile.transaction_id:
            # K01.FR.09, K01.FR.33
            mood = "reject"
        limit = profile.charging_schedule[0].charging_schedule_period[0].limit
        self.log.append(f"{mood} EVSE {request.evse_id} {limit:g}")
        if mood in ("accept", "lose"):
            self.profiles[profile.id] = (request.evse_id, profile)
            self.measure()
        if mood in ("lose", "miss"):
            failure = link.CommandFailure()
            failure.CopyFrom(LOST)
            return failure
        return ACCEPTED if mood == "accept" else REJECTED

    def begin(self, evse_id: int, transaction_id: str) -> None:
        """Let a vehicle draw."""
        self.transactions[evse_id] = transaction_id
        self.log.append(f"begin {transaction_id} on EVSE {evse_id} with {self.limit(evse_id):g}")
        self.measure()

    def end(self, evse_id: int) -> str:
        """Let a vehicle go, and its profiles with it (K02.FR.05)."""
        transaction_id = self.transactions.pop(evse_id)
        self.log.append(f"end {transaction_id}")
        self.profiles = {
            number: (evse, profile)
            for number, (evse, profile) in self.profiles.items()
            if profile.transaction_id != transaction_id
        }
        return transaction_id

    def measure(self) -> None:
        """Note what is drawn now."""
        self.most_drawn = max(self.most_drawn, self.drawn())
        # A vehicle may begin on each free EVSE, and nobody hears of it.
        drawn = sum(self.limit(evse_id) for evse_id in range(1, self.evses + 1))
        if drawn > self.allowed + 1e-6:
            self.excesses.append(f"{drawn:g} A of {self.allowed:g} A after {self.log}")

    def drawn(self) -> float:
        """Return what all vehicles together draw on one phase, in A."""
        return sum(self.limit(evse_id) for evse_id in self.transactions)

    def limit(self, evse_id: int) -> float:
        """Return what one EVSE lets a vehicle draw on each phase, in A."""
        transaction_id = self.transactions.get(evse_id, "")
        own = [one for _, one in self.profiles.values() if transaction_id and one.transaction_id == transaction_id]
        defaults = [
            one
            for at, one in self.profiles.values()
            if at in (0, evse_id) and one.charging_profile_purpose == TX_DEFAULT
        ]
        for profiles in (own, defaults):
            for profile in sorted(profiles, key=lambda one: -one.stack_level):
                return _limit(profile)
        return math.inf


def _limit(profile: types.ChargingProfile) -> float:
    schedule = profile.charging_schedule[0]
    limits = [period.limit for period in schedule.charging_schedule_period]
    # Where it changes over time, what it lets draw at most.
    return max(limits) / (WATTS if schedule.charging_rate_unit == types.CHARGING_RATE_UNIT_ENUM_W else 1)
