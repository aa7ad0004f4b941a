"""What an edge does by itself survives its own errors: with the process all its sockets would be closed."""

import pytest

from tests.edge.conftest import RunningEdge


async def test_a_sweep_that_fails_is_counted_and_comes_again(
    edge: RunningEdge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept: list[str] = []

    def sweep() -> None:
        swept.append("swept")
        if len(swept) == 1:
            raise LookupError("a defect")

    monkeypatch.setattr(edge.edge.router, "sweep", sweep)
    async with edge.station():
        await edge.until(lambda: len(swept) > 1)

    assert 'citrine_edge_background_failures_total{task="sweep"} 1.0' in (await edge.get("/metrics"))[1]
    assert [record for record in caplog.records if record.exc_info and "goes on" in record.message]
