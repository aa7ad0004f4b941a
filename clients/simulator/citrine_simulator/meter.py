"""The meter of an EVSE, and the EV that draws power from it."""

import math
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["Meter"]

VOLTAGE = 230.0
PHASES = 3

TAPER_FROM = 80.0
"""State of charge, in %, above which the power of an EV decreases."""

TAPER_FLOOR = 0.1
"""Lowest share of its power that an EV draws, just below 100 %."""

STEP = 60.0
"""Integration step in seconds; the power counts as constant within it."""


class Meter:
    """A growing energy register: the integral of the power that the EV draws.

    The register belongs to the EVSE and survives transactions, the state of charge belongs to the EV.
    """

    def __init__(self, register: float, power: float, battery: float, speed: float, digits: int = 1) -> None:
        """Set the register in Wh, the EV's power in W and capacity in Wh, and the factor by which time runs faster.

        `digits` are the decimals of the register in samples.
        """
        self.register = register
        self.soc = 0.0
        self.charging = False
        self.limit: Callable[[], float] = lambda: math.inf
        """Returns the current power limit of the station, in W."""
        self._power = power
        self._battery = battery
        self.speed = speed
        self._digits = digits
        self._read_at: float | None = None

    @property
    def power(self) -> float:
        """Power that the EV draws now, in W."""
        if not self.charging or self.soc >= 100:
            return 0.0
        wanted = self._power
        if self.soc > TAPER_FROM:
            wanted *= max(TAPER_FLOOR, (100 - self.soc) / (100 - TAPER_FROM))
        return min(wanted, self.limit())

    @property
    def reading(self) -> float:
        """The register as samples show it, in Wh."""
        return round(self.register, self._digits)

    def connect(self, soc: float) -> None:
        """Plug in an EV with this state of charge, in %."""
        self.soc = soc
        self.charging = False

    def advance(self, now: float) -> None:
        """Add the energy since the last call. ``now`` is monotonic, in seconds."""
        if self._read_at is not None:
            left = (now - self._read_at) * self.speed
            while left > 0 and self.power > 0:
                step = min(left, STEP)
                energy = self.power * step / 3600
                self.register += energy
                self.soc = min(100.0, self.soc + 100 * energy / self._battery)
                left -= step
        self._read_at = now

    def sample(self, measurands: Iterable[str], context: str) -> list[dict[str, Any]]:
        """Return a SampledValue for each supported measurand."""
        readings = {
            "Energy.Active.Import.Register": (self.reading, "Wh"),
            "Power.Active.Import": (round(self.power, 1), "W"),
            "Current.Import": (round(self.power / VOLTAGE / PHASES, 2), "A"),
            "Voltage": (VOLTAGE, "V"),
            "SoC": (round(self.soc, 1), "Percent"),
        }
        samples = []
        for measurand in measurands:
            if measurand in readings:
                value, unit = readings[measurand]
                sample: dict[str, Any] = {"value": value, "context": context, "measurand": measurand}
                if measurand == "SoC":
                    sample["location"] = "EV"
                samples.append(sample | {"unitOfMeasure": {"unit": unit}})
        return samples
