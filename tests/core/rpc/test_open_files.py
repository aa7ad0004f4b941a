"""How many connections open files allow."""

import resource

import pytest

from citrine_core.rpc import open_files


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "connections"),
    [
        pytest.param(1024, 1_048_576, 10_300, 10_000, id="enough"),
        pytest.param(1024, 4096, 4096, 3796, id="less"),
        pytest.param(256, 256, None, 128, id="few"),
        pytest.param(resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, 10_000, id="any"),
    ],
)
def test_connections_leave_the_database_its_files(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int | None, connections: int
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: limits.append(limit))

    assert open_files.allow_connections() == connections
    assert limits == ([] if raised is None else [(raised, hard)])
