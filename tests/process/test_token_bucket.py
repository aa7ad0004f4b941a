"""Token buckets, with the time handed in."""

import pytest

from citrine_process.token_bucket import TokenBucket


def test_burst_passes_and_the_rest_waits_for_its_rate() -> None:
    bucket = TokenBucket(rate=10, burst=3, now=0.0)

    assert [bucket.acquire(0.0) for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    assert bucket.delay(0.1) == pytest.approx(0.1)
    assert bucket.delay(0.2) == pytest.approx(0)
    assert bucket.acquire(0.31) == 0


def test_time_without_use_gives_no_more_than_the_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0.0)

    assert [bucket.try_acquire(1000.0) for _ in range(3)] == [True, True, False]
    assert bucket.try_acquire(1000.1)
