"""Several processes of one kind behind one address: started, started again when one ends, stopped together."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from citrine_process.addresses import listen, split_address
from citrine_process.http import HealthServer
from citrine_process.reserved_ports import reserved
from citrine_process.running import announce_ready, stop_by_signal
from citrine_process.settings import InvalidSetting
from citrine_process.worker_health import ask, merged

__all__ = ["MAX_WORKERS", "WorkerGroup", "supervise"]

MAX_WORKERS = 64

READY_INTERVAL = 0.05
"""Seconds between looks at the ready file of a worker that starts."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds until a worker is started again: after its first end, and after many."""

STEADY = 60.0
"""Seconds after which a worker that ends counts as one that had worked."""

SETTLE_TIME = 20.0
"""Seconds beyond its drain time that a worker has to stop, until it is killed."""

HURRY = 5.0
"""Seconds that workers have to stop once they were asked twice."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerGroup:
    """What to start, and where."""

    title: str
    """What one of them is: "edge"."""
    module: str
    """Module whose `main(arguments, number)` a worker runs."""
    arguments: Sequence[str]
    """Command line of all."""
    count: int
    addresses: Mapping[str, str]
    """Where all of them listen, by what for, as flags and the ready file say: "ocpp" of --ocpp-listen. Port 0 is any
    free one, and the same for all."""
    http_address: str
    """Where the supervisor shows their health and metrics."""
    ready_file: Path | None
    """Written when all of them listen."""
    drain_time: float
    """Seconds that a worker may take to finish what is under way."""
    own_ports: bool = False
    """Whether worker N also listens on the Nth port behind that of the first address."""
    reloads: bool = False
    """Whether they load their files anew on SIGHUP."""


def supervise(group: WorkerGroup, platform: str = sys.platform) -> int:
    """Run workers until SIGTERM or SIGINT, and return the exit code: 0 if all of them stopped in order.

    The first one is started alone. If it ends before it is ready, its exit code is returned, and no other is started:
    what is wrong with the settings or the database is said once.

    Raises:
        InvalidSetting: When this system does not spread connections over processes.
        OSError: When an address can't be listened on, or the ready file can't be written.
    """
    if platform != "linux":
        raise InvalidSetting(
            "workers: more than one needs Linux, which spreads the connections of one address over processes "
            "(SO_REUSEPORT); elsewhere start several, each on an address of its own"
        )
    with (
        contextlib.ExitStack() as ports,
        tempfile.TemporaryDirectory(prefix="citrine-workers-") as directory,
        _lifeline() as lifeline,
    ):
        behind = group.count if group.own_ports else 0
        addresses = {}
        for kind, address in group.addresses.items():
            addresses[kind], behind = ports.enter_context(reserved(address, behind)), 0
        try:
            # Not uvloop: it starts no process in a group of its own.
            return asyncio.run(_Supervisor(group, addresses, Path(directory), lifeline).run())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None


@contextlib.contextmanager
def _lifeline() -> Iterator[int]:
    """Yield what workers get as standard input. It ends with this process, however that ends."""
    readable, writable = os.pipe()
    try:
        yield readable
    finally:
        os.close(writable)
        os.close(readable)


class _Worker:
    """One of the processes."""

    def __init__(self, number: int, command: Sequence[str], ready_file: Path, lifeline: int) -> None:
        self.number = number
        self.starts = 0
        self.ready = asyncio.Event()
        self.http = ("", 0)
        """Where it says how it is, while it is ready."""
        self.process: asyncio.subprocess.Process | None = None
        self.start_time = 0.0
        self._command = command
        self._ready_file = ready_file
        self._lifeline = lifeline

    async def start(self) -> bool:
        """Start it and wait until it listens; return False if it ended first."""
        self._ready_file.unlink(missing_ok=True)
        self.starts += 1
        self.start_time = asyncio.get_running_loop().time()
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=self._lifeline,
            # A group of its own: Ctrl-C is for the supervisor.
            process_group=0,
        )
        while not self._ready_file.exists():
            try:
                async with asyncio.timeout(READY_INTERVAL):
                    await self.process.wait()
            except TimeoutError:
                continue
            return False
        self.http = split_address(json.loads(self._ready_file.read_text())["http"])
        self.ready.set()
        return True

    async def ended(self) -> int:
        """Wait for its end, and return the exit code."""
        assert self.process is not None, "started before"
        code = await self.process.wait()
        self.ready.clear()
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal if it runs."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)


class _Supervisor:
    """The workers of a group, from the first start to the last end."""

    def __init__(self, group: WorkerGroup, addresses: Mapping[str, str], directory: Path, lifeline: int) -> None:
        self._group = group
        self._addresses = addresses
        self._stopping = False
        self._workers = [
            _Worker(number, self._command(number, directory), directory / f"{number}.json", lifeline)
            for number in range(1, group.count + 1)
        ]

    async def run(self) -> int:
        stop = stop_by_signal()
        if self._group.reloads:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        health = HealthServer(self._missing, self._metrics)
        http = await listen(health, self._group.http_address)
        serving = asyncio.create_task(self._serve(http), name="workers")
        stopped = asyncio.create_task(stop.wait(), name="wait for a signal")
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                # The first one did not start, or the ready file can't be written.
                await self._stop(HURRY)
                return serving.result()
            serving.cancel()
            await asyncio.wait({serving})
            _logger.info("the workers stop", extra={"workers": self._group.count})
            self._stopping = True
            return await self._stop(self._group.drain_time + SETTLE_TIME)
        except asyncio.CancelledError:
            # Asked twice. So are they.
            await self._stop(HURRY)
            return 1
        finally:
            health.close()
            for task in (serving, stopped):
                task.cancel()
            for worker in self._workers:
                worker.signal(signal.SIGKILL)

    def _command(self, number: int, directory: Path) -> list[str]:
        return [
            *(sys.executable, "-P", "-m", "citrine_process.worker", self._group.module, str(number)),
            *self._group.arguments,
            *(part for kind, address in self._addresses.items() for part in (f"--{kind}-listen", address)),
            *("--http-listen", "127.0.0.1:0"),
            *("--ready-file", str(directory / f"{number}.json")),
        ]

    async def _serve(self, http: str) -> int:
        """Run the workers until cancelled; return the exit code of the first one if it does not start."""
        first, *others = self._workers
        if not await first.start():
            return await first.ended() or 1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._restart_whenever_it_ends(first), name="worker 1")
            for worker in others:
                tasks.create_task(self._start_and_restart(worker), name=f"worker {worker.number}")
            for worker in self._workers:
                await worker.ready.wait()
            self._announce(http)
        raise AssertionError("the tasks run until cancelled")

    def _announce(self, http: str) -> None:
        addresses = {**{kind.replace("-", "_"): at for kind, at in self._addresses.items()}, "http": http}
        announce_ready(self._group.ready_file, addresses)
        _logger.info("all workers listen", extra={**addresses, "workers": self._group.count})

    async def _start_and_restart(self, worker: _Worker) -> None:
        await worker.start()
        await self._restart_whenever_it_ends(worker)

    async def _restart_whenever_it_ends(self, worker: _Worker) -> None:
        """Start a worker again whenever it ends."""
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            code = await worker.ended()
            failures = 1 if loop.time() - worker.start_time > STEADY else failures + 1
            pause = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            about = {"worker": worker.number, "end": how, "seconds": pause}
            _logger.warning("a worker ended, and is started again", extra=about)
            await asyncio.sleep(pause)
            await worker.start()

    def _reload(self) -> None:
        for worker in self._workers:
            # One that is not ready has no handler yet, and would end by the signal.
            if worker.ready.is_set():
                worker.signal(signal.SIGHUP)

    async def _stop(self, limit: float) -> int:
        """Stop the workers; return 0 if all of them stopped in order."""
        started = [worker for worker in self._workers if worker.process is not None]
        for worker in started:
            worker.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(limit):
                codes = [await worker.ended() for worker in started]
        except TimeoutError:
            _logger.warning("workers did not stop and were killed", extra={"seconds": limit})
            return 1
        # One that had just been started knows no signal yet, and has nothing to finish.
        return 0 if {*codes} <= {0, -signal.SIGTERM} else 1

    async def _missing(self) -> str:
        if self._stopping:
            return "draining"
        ready = [worker for worker in self._workers if worker.ready.is_set()]
        answers = await asyncio.gather(*(ask(worker.http, "/readyz") for worker in ready))
        if any(status == 200 for status, _ in answers):
            return ""
        said = (body.decode(errors="replace").strip() for _, body in answers if body)
        return f"no worker serves: {next(said, 'none answers')}"

    async def _metrics(self) -> bytes:
        ready = [worker for worker in self._workers if worker.ready.is_set()]
        answers = await asyncio.gather(*(ask(worker.http, "/metrics") for worker in ready))
        texts = {worker.number: body for worker, (status, body) in zip(ready, answers, strict=True) if status == 200}
        starts = sum(max(0, worker.starts - 1) for worker in self._workers)
        return self._own_metrics(answering=len(texts), starts=starts) + merged(texts)

    def _own_metrics(self, *, answering: int, starts: int) -> bytes:
        name = f"citrine_{self._group.title}"
        return (
            f"# HELP {name}_workers Processes behind the address\n# TYPE {name}_workers gauge\n"
            f"{name}_workers {self._group.count}\n"
            f"# HELP {name}_workers_answering Those of them that listen and answer\n"
            f"# TYPE {name}_workers_answering gauge\n{name}_workers_answering {answering}\n"
            f"# HELP {name}_worker_restarts_total Workers that ended and were started again\n"
            f"# TYPE {name}_worker_restarts_total counter\n{name}_worker_restarts_total {starts}\n"
        ).encode()
