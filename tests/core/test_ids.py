"""Ids that the core makes."""

import time
import uuid
from itertools import count

import pytest

from citrine_core.ids import new_id

NOW = 1_767_225_600_123_000_000
"""2026-01-01, in nanoseconds since 1970."""


def test_an_id_is_a_uuid_of_version_7_and_begins_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: NOW)
    made = uuid.UUID(new_id())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == NOW // 1_000_000
    assert len({new_id() for _ in range(100)}) == 100


def test_ids_sort_as_they_were_made_also_within_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = count(NOW, 250)
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    made = [new_id() for _ in range(5000)]

    assert made == sorted(made)
