from pathlib import Path
from typing import Any

import pytest

from tests.bench.compare import worse
from tests.bench.curve import SILENT, Point
from tests.bench.errors import BenchError
from tests.bench.groups import GROUPS, chosen
from tests.bench.loads import ALONE, EMPTY, FIFTY, RARE_HEARTBEATS
from tests.bench.profiling import top
from tests.bench.report import render
from tests.bench.results import Results, Run


def _point(name: str, per_second: float, share: float, **more: Any) -> dict[str, Any]:
    cpu = {"edge": share / 2, "core": share / 2}
    return Point(name, per_second, per_second, cpu, share, due=round(10 * per_second), **more).as_json()


def _results(path: Path | None = None) -> Results:
    results = Results(path)
    points = [
        _point(EMPTY, 0, 0.8),
        _point(SILENT, 0, 2.0),
        _point("50/s", 50, 7.0, p99=30),
        _point("1000/s", 1000, 59.0, unanswered=9000),
        _point(RARE_HEARTBEATS, 3.3, 3.1, p99=10),
    ]
    results.add("sqlite-curve", {"points": points, "stations": 1000}, Run("2026-01-01", "two cores", 100))
    event, heartbeat = ALONE
    few = [_point(SILENT, 0, 1), _point(event, 10, 3), _point(heartbeat, 10, 2)]
    few.append(_point(next(iter(FIFTY)), 50, 7, p99=50))
    results.add("sqlite-few", {"points": few}, Run("2026-01-01", "two cores", 60))
    return results


def _row(text: str, start: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("idle, no station", "0.8 %"),
        ("one station alone, a TransactionEvent", "2 ms"),
        ("one station alone, a Heartbeat", "1 ms: **not reached**"),
        ("1000 stations connected, a heartbeat", "3.1 %: **not reached**"),
        ("50 TransactionEvents", "7 %, p99 50 ms: **not reached**"),
        # Cheap, because nine of ten messages were not answered.
        ("1000 of them a second", "fell behind: **not reached**"),
        ("saturated, TransactionEvent", "not measured"),
        ("saturated, MeterValues of OCPP 1.6", "not measured"),
    ],
)
def test_each_must_stands_beside_what_was_measured(what: str, found: str) -> None:
    assert _row(render(_results()), what)[2:] == [found, "not measured"]


def test_a_message_of_1_6_stands_beside_the_same_of_2_0_1() -> None:
    results = _results()
    run = {"per_second": 2000, "latency_ms": {"p50": 1, "p95": 2, "p99": 3}}
    plain, older = run | {"cpu": {"edge": 100, "core": 300}}, run | {"cpu": {"edge": 160, "core": 300}}
    values = {"plain": plain, "of_1_6": older, "priced": plain}
    results.add("sqlite-saturated", values, Run("2026-01-01", "two cores", 50))

    assert _row(render(results), "saturated, MeterValues of OCPP 1.6")[2] == "1.15 × 2.0.1"


def test_the_sums_stand_beside_what_the_processes_took() -> None:
    text = render(_results())

    assert "At 50/s the curve says" in text
    assert "the clocks of all processes 7.0 %" in text
    assert _row(text, "50/s")[5] == "7.0"
    assert "2.0 + " in _row(text, "50/s")[6]


def _state(cost: float, p99: float, core: float) -> dict[str, Any]:
    points = [_point(SILENT, 0, 2.0), _point("50/s", 50, 5 * cost, p99=p99)]
    lists = [{"name": "ListStations", "rows": 100, "p50": 3.0, "p99": 4.0}]
    return {"points": points, "memory": {"edge": 100.0, "core": core}, "lists": lists}


def test_a_full_database_stands_beside_an_empty_one() -> None:
    results = _results()
    size = {"stations": 100_000, "transactions": 1_000_000, "samples": 20_000_000, "connected": 10_000, "lists": 100}
    values = {"size": size, "empty": _state(1.0, 30.0, 120.0), "full": _state(1.3, 35.0, 130.0)}
    results.add("postgresql-scale", values, Run("2026-01-01", "two cores", 100))
    text = render(results)

    assert "100,000 stations, 1,000,000 transactions" in text
    assert _row(text, "50/s, PostgreSQL")[1:] == ["50", "50", "1.00", "1.30", "**1.30**", "30.0", "35.0", "1.17"]
    assert _row(text, "memory of the core, PostgreSQL")[5] == "1.08"
    assert _row(text, "ListStations, PostgreSQL")[1:] == ["100", "3.0", "3.0", "4.0", "4.0"]
    assert "## Growth" not in render(_results())


def test_groups_that_fill_databases_are_run_only_where_that_is_asked_for() -> None:
    assert [group.name for group in chosen([], full=True)] == ["sqlite-scale", "postgresql-scale"]
    assert {group.name for group in chosen([])} & {"sqlite-scale", "postgresql-scale"} == set()


def test_a_group_that_is_measured_anew_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    _results(path).write()

    again = Results(path)
    again.add("sqlite-few", {"points": []}, Run("2026-01-02", "four cores", 30))
    again.write()

    stored = Results(path)
    assert stored.get("sqlite-few") == {"points": []}
    assert stored.get("sqlite-curve") == _results().get("sqlite-curve")
    few, fleet = stored.run("sqlite-few"), stored.run("sqlite-curve")
    assert few is not None
    assert fleet is not None
    assert (few.seconds, fleet.seconds, stored.run("floor")) == (30, 100, None)
    text = render(stored)
    assert "- 2026-01-01, two cores: sqlite-curve." in text
    assert "- 2026-01-02, four cores: sqlite-few." in text


def test_each_run_stands_with_its_commit_and_time() -> None:
    results = Results()
    few: dict[str, Any] = {"points": []}
    results.add("sqlite-few", few, Run("2026-01-02", "two cores", 30, "09:15", "abcdef01"))
    results.add("postgresql-curve", few, Run("2026-01-02", "two cores", 30, "09:10", "abcdef01"))
    assert "One run: 2026-01-02 09:10 to 09:15 UTC, commit abcdef01, two cores." in render(results)

    results.add("postgresql-few", few, Run("2026-01-02", "two cores", 30, "18:20", "abcdef02+"))
    text = render(results)
    assert "- 2026-01-02 09:10 to 09:15 UTC, commit abcdef01, two cores: postgresql-curve, sqlite-few." in text
    assert "- 2026-01-02 18:20 UTC, commit abcdef02+, two cores: postgresql-few." in text


def test_what_is_worse_than_before_is_named_and_what_hardly_differs_is_not() -> None:
    before, after = _results(), _results()
    points = [_point(SILENT, 0, 2.2), _point("50/s", 50, 8.4, p99=31), _point("1000/s", 1000, 40.0)]
    after.add("sqlite-curve", {"points": points, "stations": 1000}, Run("2026-01-02", "two cores", 100))

    assert worse(before, after) == ["sqlite-curve, 50/s: CPU in %: 7, now 8.4"]


def test_a_sum_that_is_off_stands_out() -> None:
    results = Results()
    points = [_point(SILENT, 0, 2.0), _point("50/s", 50, 7.0), _point("200/s", 200, 50.0)]
    results.add("sqlite-curve", {"points": points, "stations": 1000}, Run("2026-01-02", "two cores", 100))

    assert "= **" in _row(render(results), "50/s")[6]


def test_groups_are_chosen_by_their_names() -> None:
    assert chosen([]) == list(GROUPS)
    assert [group.name for group in chosen(["*-few", "floor"])] == ["floor", "sqlite-few", "postgresql-few"]
    with pytest.raises(BenchError, match="no group is called everything"):
        chosen(["floor", "everything"])


def test_the_functions_that_take_most_come_first() -> None:
    stacks = ["thread;main;query 30", "thread;main;query;bind 10", "thread;main 60"]

    text = top(stacks)

    own, with_callees = text.split("with callees:")
    assert own.splitlines()[0] == "100 samples"
    assert own.splitlines()[3].split() == ["60.0", "100.0", "main"]
    assert own.splitlines()[4].split() == ["30.0", "40.0", "query"]
    assert [line.split()[2] for line in with_callees.split("\n") if line][:1] in (["thread"], ["main"])


def test_tls_stands_beside_plain_connections() -> None:
    def side(factor: float) -> dict[str, Any]:
        return {
            "idle": {"connections": 1000, "edge_bytes": 12_000 * factor},
            "storm": {"done": 1000, "seconds": 0.8 * factor, "cpu_ms": 0.9 * factor},
            "messages": {"cpu": {"edge": 100.0 * factor, "core": 200.0}},
        }

    results = _results()
    handshakes = {"resumed": {"per_second": 2000.0, "edge_cpu_ms": 0.25}}
    results.add("tls", {"handshakes": handshakes, "plain": side(1), "tls": side(2)}, Run("2026-01-01", "two cores", 60))
    text = render(results)

    assert _row(text, "TLS handshake, resumed")[1:] == ["", "2000 a second, 0.25 ms of CPU in the edge"]
    assert _row(text, "memory per idle connection in the edge, 1000 held")[1:] == ["12 kB", "24 kB"]
    assert _row(text, "boot storm of 1000")[2] == "1.6 s, 1.8 ms of CPU a station"
    assert _row(text, "a TransactionEvent, saturated: edge")[1:] == ["100 µs", "200 µs"]
    assert "## TLS" not in render(_results())


def test_roaming_says_what_a_push_costs_and_how_late_it_is_beside_a_dead_partner() -> None:
    window = {
        "name": "one never answers",
        "rate": 33.3,
        "cpu": {"adapter": 0.4, "core": 0.2},
        "updates": 960,
        "pushes": 1000,
    }
    window |= {"cpu_ms": 4.0, "p50": 40.0, "p95": 120.0, "p99": 300.0, "missed": 2}
    late = {**window, "name": "all partners answer", "p95": 2400.0}
    results = _results()
    values = {"sessions": 1000, "partners": 5, "rate": 100.0, "begun_seconds": 9.0, "windows": [window, late]}
    results.add("sqlite-ocpi", values, Run("2026-01-01", "two cores", 60))
    text = render(results)

    assert _row(text, "one never answers, SQLite")[1:] == [
        "33", "1000", "40", "20", "4.0", "40", "120", "300 (2 never)"
    ]  # fmt: skip
    assert _row(text, "all partners answer, SQLite")[7] == "**2400**"
    assert "## Roaming" not in render(_results())
