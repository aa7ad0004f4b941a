"""A simulator of OCPP 1.6 that others wrote: `ocpp-ws-cli` of npm, with its keys as what a driver does."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

__all__ = ["NpmSimulator", "install", "npm_simulator"]

PACKAGE = "ocpp-ws-cli@1.1.12"


class NpmSimulator:
    """The running program."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def press(self, keys: str) -> None:
        """Press keys one after another: a authorizes, t starts a transaction, m reads the meter, e ends it."""
        assert self._process.stdin is not None
        self._process.stdin.write(keys.encode())


def install(directory: Path) -> Path:
    """Install the package in a directory, and return its program.

    Without npm, and where its registry can't be reached, the test is skipped and says so.
    """
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{PACKAGE} was not driven: {tool} is not installed")
    command = ("npm", "install", "--prefix", ".", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE)
    # A registry that does not answer is given up at once, not after minutes.
    quick = {"npm_config_fetch_retries": "0", "npm_config_fetch_timeout": "20000"}
    directory.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=directory, env={**os.environ, **quick}, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        pytest.skip(f"{PACKAGE} was not driven: npm could not install it: {said[0]}")
    return directory / "node_modules" / ".bin" / "ocpp-ws-cli"


@contextlib.asynccontextmanager
async def npm_simulator(
    program: Path, url: str, station_id: str, id_tag: str, log: Path
) -> AsyncIterator[NpmSimulator]:
    """Run the program for the time of a block.

    Args:
        program: As `install` returned it.
        url: Of the edge, with user, password and tenant; the program adds the station's id.
        station_id: Whom it pretends to be.
        id_tag: What it authorizes and starts with.
        log: Where it writes what it shows.
    """
    options = ("--endpoint", url, "--identity", station_id, "--protocol", "ocpp1.6", "--idTag", id_tag)
    with log.open("wb") as screen:
        process = await asyncio.create_subprocess_exec(
            *(program, "simulate", *options, "--report", "json", "--report-dir", str(log.parent)),
            cwd=log.parent,
            stdin=asyncio.subprocess.PIPE,
            stdout=screen,
            stderr=subprocess.STDOUT,
        )
    try:
        yield NpmSimulator(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
