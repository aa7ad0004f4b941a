"""Counters of the business that need no database."""

from prometheus_client import CollectorRegistry

from citrine_core.business_counters import BusinessCounters


def energy(*changes: float) -> float | None:
    registry = CollectorRegistry()
    counters = BusinessCounters(registry)
    for change in changes:
        counters.energy(change)
    return registry.get_sample_value("citrine_core_energy_wh_total")


def test_energy_that_is_taken_back_is_set_off_against_what_comes_next() -> None:
    """A counter never goes down, and yet is right in the end."""
    assert energy(100.0, -30.0) == 100.0
    assert energy(100.0, -30.0, 20.0) == 100.0
    assert energy(100.0, -30.0, 20.0, 25.0) == 115.0


def test_a_reason_that_is_new_is_counted_all_the_same() -> None:
    registry = CollectorRegistry()

    BusinessCounters(registry).station_refused(99)

    assert registry.get_sample_value("citrine_core_refused_stations_total", {"reason": "unspecified"}) == 1.0
