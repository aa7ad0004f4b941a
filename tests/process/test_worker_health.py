"""Health and metrics of several processes as one."""

import asyncio

import pytest
from prometheus_client.parser import text_string_to_metric_families

from citrine_process.worker_health import ask, merged

FIRST = b"""# HELP frames_total Frames {of all kinds}
# TYPE frames_total counter
frames_total{action="Boot {x}",code="a b"} 1.0
frames_total{action="Heartbeat"} 2.0
# HELP sockets Sockets
# TYPE sockets gauge
sockets 3.0
"""

SECOND = b"""# HELP sockets Sockets
# TYPE sockets gauge
sockets 4.0
# HELP seconds Seconds
# TYPE seconds histogram
seconds_bucket{le="+Inf"} 5.0
seconds_count 5.0
seconds_sum 6.0
"""


def test_samples_of_all_workers_stand_in_one_family_each() -> None:
    text = merged({1: FIRST, 2: SECOND}).decode()

    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {name: family.type for name, family in families.items()} == {
        "frames": "counter", "sockets": "gauge", "seconds": "histogram",
    }  # fmt: skip
    assert {tuple(sample.labels.items()): sample.value for sample in families["frames"].samples} == {
        (("worker", "1"), ("action", "Boot {x}"), ("code", "a b")): 1.0,
        (("worker", "1"), ("action", "Heartbeat")): 2.0,
    }
    assert [(sample.labels, sample.value) for sample in families["sockets"].samples] == [
        ({"worker": "1"}, 3.0), ({"worker": "2"}, 4.0),
    ]  # fmt: skip
    assert text.count("# TYPE sockets") == 1


async def test_a_worker_that_is_gone_or_says_nothing_is_waited_for_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr("citrine_process.worker_health.TIMEOUT", 0.1)
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        assert await ask(address, "/readyz") == (0, b"")
    assert await ask(address, "/readyz") == (0, b"")
