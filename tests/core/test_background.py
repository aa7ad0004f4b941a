"""Objects of a job that fail: they end nothing of the others, and are tried again later."""

import pytest

from citrine_core.background import DEFECTS, LONGEST_PAUSE, Apart
from citrine_core.errors import DatabaseUnavailable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failures() -> float:
    (metric,) = DEFECTS.collect()
    return sum(one.value for one in metric.samples if one.labels == {"task": "a job"} and one.name.endswith("_total"))


async def fail() -> None:
    raise ValueError("a defect")


async def succeed() -> None:
    pass


async def test_an_error_about_one_object_is_logged_counted_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    apart: Apart[str] = Apart("a job")

    before = failures()

    await apart.run("CS-1", fail)

    assert failures() == before + 1
    assert not apart.may_be_tried("CS-1")
    assert apart.may_be_tried("CS-2")
    (record,) = caplog.records
    assert (record.levelname, getattr(record, "task")) == ("ERROR", "a job")  # noqa: B009


async def test_what_fails_again_is_tried_after_pauses_that_grow() -> None:
    clock = Clock()
    apart: Apart[str] = Apart("a job", clock)
    pauses = []
    for _ in range(9):
        await apart.run("CS-1", fail)
        began = clock.now
        while not apart.may_be_tried("CS-1"):
            clock.now += 1
        pauses.append(clock.now - began)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, LONGEST_PAUSE]
    await apart.run("CS-1", succeed)
    await apart.run("CS-1", fail)
    clock.now += 1
    assert apart.may_be_tried("CS-1")


async def test_an_outage_of_the_database_is_about_all_objects() -> None:
    apart: Apart[str] = Apart("a job")

    with pytest.raises(DatabaseUnavailable), apart.trying("CS-1"):
        raise DatabaseUnavailable

    assert apart.may_be_tried("CS-1")
