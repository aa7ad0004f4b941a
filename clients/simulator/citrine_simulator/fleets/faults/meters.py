"""The fault of impossible meter readings."""

from typing import Literal

from citrine_simulator.errors import UsageError
from citrine_simulator.fleets.faults.base import OccasionalFault
from citrine_simulator.fleets.member import Member
from citrine_simulator.tap import Sample

__all__ = ["MeterOutlier"]

REGISTER = "Energy.Active.Import.Register"

SPIKE = 10_000_000.0
"""Energy that a spike adds, in Wh."""

Form = Literal["spike", "zero", "negative", "wrap", "kwh_as_wh", "missing"]


class MeterOutlier(OccasionalFault):
    """Some readings of the energy register are wrong, once or from then on.

    The report marks transactions with a wrong reading with ``meter_right: false``.
    """

    kind: Literal["meter_outlier"]
    forms: list[Form] = ["spike", "zero", "negative", "kwh_as_wh", "missing"]
    """Forms of the errors; each is chosen at random. `spike`: far too much; `zero`: 0; `negative`: below 0; `wrap`: the
    register restarts at 0; `kwh_as_wh`: kWh in the unit Wh; `missing`: no register."""

    def attach(self, member: Member) -> None:
        """Intercept the samples of the meter."""
        rng = member.random_of(f"meter {self!r}")
        wrapped: dict[int, float] = {}

        def bend(evse_id: int, samples: list[Sample]) -> list[Sample]:
            registers = [one for one in samples if one.get("measurand") == REGISTER]
            if not registers:
                return samples
            if evse_id in wrapped:
                self._mark(member, evse_id)
            if self.strikes(member, rng.random()):
                form = rng.choice(self.forms)
                if form == "wrap":
                    wrapped[evse_id] = registers[0]["value"]
                member.struck(self.kind, form=form, evse_id=evse_id, register=registers[0]["value"])
                self._mark(member, evse_id)
                if form != "wrap":
                    return [one for one in (_bent(one, form) for one in samples) if one is not None]
            base = wrapped.get(evse_id, 0.0)
            return [one if one not in registers else one | {"value": round(one["value"] - base, 1)} for one in samples]

        member.tap.on_samples.append(bend)

    @staticmethod
    def _mark(member: Member, evse_id: int) -> None:
        try:
            transaction = member.station.parts.charging.evse(evse_id).transaction
        except UsageError:
            # A reading during boot belongs to a transaction that ends at once; its next reading marks it.
            return
        if transaction is not None:
            member.record.transaction(transaction.transaction_id, begins=transaction.seq_no == 0).meter_right = False


def _bent(sample: Sample, form: Form) -> Sample | None:
    if sample.get("measurand") != REGISTER:
        return sample
    value = sample["value"]
    match form:
        case "missing":
            return None
        case "spike":
            value += SPIKE
        case "zero":
            value = 0.0
        case "negative":
            value = -value - 1
        case "kwh_as_wh":
            value = round(value / 1000, 4)
    return sample | {"value": value}
