"""A child is started, waited for, started again when it dies, and stopped."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import pytest

from citrine_cli.up.supervisor import Child, ChildFailed, Ready
from citrine_sdk import Backoff

READY = """
import json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
place = sys.argv[1]
with open(place + ".new", "w") as file:
    json.dump({"grpc": f"127.0.0.1:{os.getpid()}", "before": sys.argv[2]}, file)
os.replace(place + ".new", place)
print("running", flush=True)
"""
STAYS = READY + "signal.pause()"
IGNORES = STAYS.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN").replace("pause()", "sigwait({signal.SIGUSR1})")
FAILS = "import sys; print('error: no disk left'); sys.exit(3)"


class Notices:
    """What the supervisor says, line by line."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue(maxsize=100)

    async def next(self) -> str:
        return await self.lines.get()


MakeChild = Callable[[str], Child]


async def _no_wait(seconds: float) -> None:
    return None


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
async def child(tmp_path: Path, notices: Notices) -> AsyncIterator[MakeChild]:
    """Make children that run a script; they are gone after the test."""
    made: list[Child] = []

    def make(script: str) -> Child:
        def arguments(before: Ready) -> list[str]:
            return [str(tmp_path / "ready.json"), before.get("grpc", "")]

        one = Child(
            "worker",
            arguments,
            log=tmp_path / "worker.log",
            ready_file=tmp_path / "ready.json",
            notice=notices.lines.put_nowait,
            backoff=Backoff(first=0.01, longest=0.01, sleep=_no_wait),
            program=(sys.executable, "-c", script),
        )
        made.append(one)
        return one

    yield make
    for one in made:
        one.kill()
        await one.stop()


async def test_a_child_is_ready_when_it_says_so(child: MakeChild, tmp_path: Path) -> None:
    worker = child(STAYS)

    ready = await worker.start()

    assert ready["grpc"] == f"127.0.0.1:{worker.pid}"
    assert (tmp_path / "worker.log").stat().st_mode & 0o777 == 0o600


async def test_a_child_that_ends_before_it_is_ready_fails_with_its_last_line(child: MakeChild) -> None:
    with pytest.raises(ChildFailed, match=r"the worker ended with exit code 3 \(see .*worker.log\): no disk left"):
        await child(FAILS).start()


async def test_a_child_that_dies_is_started_again_where_it_listened(child: MakeChild, notices: Notices) -> None:
    worker = child(STAYS)
    first = await worker.start()
    keeping = asyncio.create_task(worker.supervise())

    worker.kill()
    told = [await notices.next(), await notices.next()]

    assert told[0].startswith("the worker was ended by SIGKILL")
    assert told[1] == "the worker runs again"
    assert worker.ready["grpc"] != first["grpc"]
    assert worker.ready["before"] == first["grpc"], "it is told where it listened before"
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


async def test_a_child_that_fails_again_is_tried_again(child: MakeChild, notices: Notices) -> None:
    worker = child(FAILS)
    with pytest.raises(ChildFailed):
        await worker.start()
    keeping = asyncio.create_task(worker.supervise())

    told = [await notices.next() for _ in range(3)]

    assert all("exit code 3" in line for line in told)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


async def test_a_child_is_stopped(child: MakeChild) -> None:
    worker = child(STAYS)
    await worker.start()

    await worker.stop()

    assert worker.pid is None


async def test_a_child_that_does_not_stop_is_killed(child: MakeChild, notices: Notices) -> None:
    worker = child(IGNORES)
    await worker.start()

    await worker.stop(grace=0.05)

    assert worker.pid is None
    assert "was killed" in await notices.next()


@pytest.mark.parametrize(
    ("script", "outcome"),
    [("pass", nullcontext()), (FAILS, pytest.raises(ChildFailed, match=r"exit code 3 .*: no disk left"))],
    ids=["well", "badly"],
)
async def test_a_child_that_ends_by_itself_is_waited_for(
    script: str, outcome: AbstractContextManager[object], tmp_path: Path, notices: Notices
) -> None:
    worker = Child(
        "worker",
        lambda _: [],
        log=tmp_path / "worker.log",
        ready_file=None,
        notice=notices.lines.put_nowait,
        program=(sys.executable, "-c", script),
    )
    await worker.start()

    with outcome:
        await worker.finish(30)
