"""The limit of open files of a process."""

import resource

import pytest

from citrine_process.open_files import raise_limit


@pytest.mark.parametrize("error", [ValueError("current limit exceeds maximum limit"), PermissionError(1, "no")])
def test_a_limit_that_can_not_be_raised_is_what_there_is(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(kind: int, limit: tuple[int, int]) -> None:
        raise error

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    assert raise_limit(5000) == 1024
