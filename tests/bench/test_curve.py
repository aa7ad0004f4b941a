from collections.abc import Mapping

import pytest

from tests.bench.curve import Point, point, split
from tests.bench.measure import Batches, Cost


def _at(per_second: float, batches: float, share: float) -> Point:
    return Point(f"{per_second}/s", per_second, batches, {"edge": share / 4, "core": 3 * share / 4}, share)


def test_the_parts_of_a_curve_are_found() -> None:
    # 3 % run anyway, a batch costs 5 ms, a message half of one.
    loads = ((1, 1), (10, 10), (50, 45), (200, 90), (1000, 100), (3000, 20))
    points = [_at(rate, batches, 3 + 0.5 * batches + 0.05 * rate) for rate, batches in loads]

    found = split(points, 3)

    assert (found.anyway, found.per_batch, found.per_message) == pytest.approx((3, 5, 0.5))
    for one in points:
        assert sum(found.at(one)) == pytest.approx(one.total)


@pytest.mark.parametrize(
    ("loads", "batch", "message"),
    [
        # A batch for each message: nobody can say which of the two costs it.
        ([(1, 1, 1), (10, 10, 10)], 0, 10),
        # Larger batches that cost less than the messages in small ones did.
        ([(10, 10, 10), (100, 1, 0.5)], 6, 0),
        ([], 0, 0),
    ],
)
def test_no_part_is_less_than_nothing(loads: list[tuple[float, float, float]], batch: float, message: float) -> None:
    found = split([_at(*load) for load in loads], 0)

    assert found.per_batch >= 0
    assert found.per_message >= 0
    assert (found.per_batch, found.per_message) == pytest.approx((batch, message))


def test_a_point_has_shares_of_one_cpu_and_the_batches_of_its_window() -> None:
    cpu: Mapping[str, float] = {"edge": 0.5, "core": 1.5}

    # Of 50 batches of 200 messages, some were those of the warm-up.
    found = point("50/s", Cost(10, cpu, 3), 160, Batches(50, 200), due=161, unanswered=1, p50=1.0, p99=2.0)

    assert found.cpu == {"edge": 5, "core": 15}
    assert (found.total, found.machine) == (20, 30)
    assert (found.per_second, found.batches) == (16, 4)
    assert found.answered_share == pytest.approx(160 / 161)
    assert Point(**found.as_json()) == found
