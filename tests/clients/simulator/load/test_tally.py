from citrine_simulator.load.tally import Latencies, Tally


def test_quantiles_are_in_milliseconds() -> None:
    latencies = Latencies.of(number / 1000 for number in range(1, 101))

    assert latencies == Latencies(p50=51, p95=95, p99=99, worst=100)


def test_nothing_measured_is_zero() -> None:
    assert Latencies.of([]) == Latencies(0, 0, 0, 0)


def test_a_window_has_a_length() -> None:
    tally = Tally()

    tally.open()
    assert tally.counting
    tally.close()

    assert not tally.counting
    assert tally.seconds > 0
