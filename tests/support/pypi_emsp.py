"""An eMSP that others wrote: `extrawest-ocpi` of PyPI (OCPI 2.2.1), in a process and with libraries of its own."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import py_ocpi_emsp
from tests.support.serving import bound
from tests.support.waiting import WAIT

__all__ = ["PypiEmsp", "install", "pypi_emsp"]

PACKAGE = "extrawest-ocpi==2025.7.16"
TOKEN_A = "token-a"


class PypiEmsp:
    """The running program."""

    def __init__(self, url: str, process: asyncio.subprocess.Process) -> None:
        self.url = url
        self.received: list[tuple[str, Any]] = []
        self._process = process

    async def next(self, module: str, **fields: Any) -> Any:
        """Return the next object of a module that it is sent, with these fields."""
        assert self._process.stdout is not None
        async with asyncio.timeout(WAIT):
            while True:
                line = await self._process.stdout.readline()
                assert line, f"the partner ended; before, it got {self.received}"
                name, value = json.loads(line)
                self.received.append((name, value))
                if name == module and fields.items() <= value.items():
                    return value


def install(directory: Path) -> Path:
    """Install the package with what it needs in a directory, and return that.

    It needs older libraries than we do. Where the registry can't be reached, the test is skipped and says so.
    """
    options = ("--quiet", "--disable-pip-version-check", "--retries", "0", "--timeout", "20", "--target")
    command = (sys.executable, "-m", "pip", "install", *options, str(directory), PACKAGE, "uvicorn")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        pytest.skip(f"{PACKAGE} was no partner: pip could not install it: {said[-1]}")
    return directory


@contextlib.asynccontextmanager
async def pypi_emsp(libraries: Path) -> AsyncIterator[PypiEmsp]:
    """Run the program for the time of a block.

    Args:
        libraries: As `install` returned it.
    """
    opened, url = bound()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(py_ocpi_emsp.__file__), str(opened.fileno()), url.removeprefix("http://")),
        env={**os.environ, "PYTHONPATH": str(libraries)},
        cwd=libraries,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=2**20,
        pass_fds=[opened.fileno()],
    )
    try:
        yield PypiEmsp(url, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
        opened.close()
