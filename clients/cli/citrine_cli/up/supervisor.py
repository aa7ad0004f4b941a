"""A supervised child process: start, readiness, restart when it dies, and stop with a grace time."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from citrine_cli.errors import CliError, one_line
from citrine_cli.up.files import read_json
from citrine_sdk import Backoff

__all__ = ["Child", "ChildFailed", "Ready"]

Ready = Mapping[str, str]
"""Content of a child's ready file: the addresses on which it listens, by kind."""

READY_TIMEOUT = 60.0
"""Seconds that a child has to become ready."""

READY_INTERVAL = 0.05
"""Seconds between reads of a ready file."""

STOP_TIMEOUT = 15.0
"""Seconds that a child has to stop after SIGTERM."""

STEADY = 60.0
"""Seconds of running after which a death is the first failure again."""

LOG_LIMIT = 10_000_000
"""Size of a log file, in bytes, above which a start begins a new file and renames the old one to .1."""


class ChildFailed(CliError):
    """A child ended, or did not become ready in time."""


class Child:
    """One process of Citrine under `citrine up`."""

    def __init__(
        self,
        name: str,
        arguments: Callable[[Ready], Sequence[str]],
        *,
        log: Path,
        ready_file: Path | None,
        notice: Callable[[str], None],
        backoff: Backoff | None = None,
        program: Sequence[str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Store the arguments; nothing is started yet.

        Args:
            name: Name of the child, for messages.
            arguments: Returns its command line after `citrine`. It is called with the addresses of the last start
                (empty at first), so that a restart uses the same ports.
            log: File for its output.
            ready_file: File that it writes when it is ready. None: it writes none.
            notice: Called with a line about each death.
            backoff: Waiting times before restarts. None: up to 15 seconds.
            program: The program that gets the arguments. None: `citrine`, which ends with this process.
            variables: Environment variables in addition to those of this process.
        """
        self.name = name
        self.ready: Ready = {}
        self._arguments = arguments
        self._log = log
        self._ready_file = ready_file
        self._notice = notice
        self._backoff = backoff or Backoff(first=0.5, longest=15.0)
        self._program = program or (sys.executable, "-m", "citrine_cli.up.child", str(os.getpid()))
        self._variables = variables or {}
        self._process: asyncio.subprocess.Process | None = None
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> Ready:
        """Start it and wait until it is ready.

        Raises:
            ChildFailed: When it ends before it is ready, or takes too long. It does not run any more then.
        """
        if self._ready_file is not None:
            self._ready_file.unlink(missing_ok=True)
        self._started = asyncio.get_running_loop().time()
        self._process = await self._spawn()
        if self._ready_file is None:
            return self.ready
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                self.ready = await self._wait_ready(self._process, self._ready_file)
        except TimeoutError:
            await self.stop()
            raise ChildFailed(
                f"the {self.name} did not become ready in {READY_TIMEOUT:g} s (see {self._log})"
            ) from None
        return self.ready

    async def finish(self, seconds: float) -> None:
        """Wait up to a number of seconds until it ends by itself.

        Raises:
            ChildFailed: When it takes longer and was stopped, or ends with another exit code than 0.
        """
        assert self._process is not None, "started before"
        try:
            async with asyncio.timeout(seconds):
                code = await self._process.wait()
        except TimeoutError:
            await self.stop()
            raise ChildFailed(f"the {self.name} did not end in {seconds:g} s (see {self._log})") from None
        if code != 0:
            raise ChildFailed(self._ended(self._process))

    async def supervise(self) -> None:
        """Restart it each time it dies, for ever. A failed start counts as a death."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            problem = await self._death()
            failures = 1 if loop.time() - self._started > STEADY else failures + 1
            seconds = self._backoff.seconds(failures)
            self._notice(f"{problem}; starting it again in {seconds:.1f} s")
            await self._backoff.sleep(seconds)
            try:
                await self.start()
            except ChildFailed:
                continue
            self._notice(f"the {self.name} runs again")

    async def stop(self, grace: float = STOP_TIMEOUT) -> None:
        """Stop it with SIGTERM, and with SIGKILL after the grace time in seconds."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await process.wait()
        except TimeoutError:
            self._notice(f"the {self.name} did not stop in {grace:g} s and was killed")
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """Kill it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            try:
                process.send_signal(number)
            except ProcessLookupError:
                # It ended by itself, and nobody has waited for it yet.
                return

    async def _spawn(self) -> asyncio.subprocess.Process:
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT:
            self._log.replace(self._log.with_suffix(".log.1"))
        arguments = list(self._arguments(self.ready))
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *self._program,
                *arguments,
                env={**os.environ, **self._variables} if self._variables else None,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                # Its own process group, so that Ctrl-C reaches only the supervisor, which stops its children in order.
                process_group=0,
            )
        finally:
            os.close(descriptor)

    async def _wait_ready(self, process: asyncio.subprocess.Process, ready_file: Path) -> Ready:
        while True:
            found = read_json(ready_file)
            if found is not None:
                return {kind: str(address) for kind, address in found.items()}
            try:
                async with asyncio.timeout(READY_INTERVAL):
                    await process.wait()
            except TimeoutError:
                continue
            raise ChildFailed(self._ended(process))

    async def _death(self) -> str:
        process = self._process
        if process is None:
            return f"the {self.name} does not run"
        await process.wait()
        return self._ended(process)

    def _ended(self, process: asyncio.subprocess.Process) -> str:
        code = process.returncode or 0
        if code < 0:
            return f"the {self.name} was ended by {signal.Signals(-code).name} (see {self._log})"
        # A process that exits by itself prints the reason last.
        said = self._last_line()
        return f"the {self.name} ended with exit code {code} (see {self._log}){f': {said}' if said else ''}"

    def _last_line(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - 2000))
                lines = file.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return one_line(lines[-1])[:300].removeprefix("error: ") if lines else ""
