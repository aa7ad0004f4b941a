"""CPU time, memory and latency of one scenario, by role."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.support.deployment import CITRINE

__all__ = ["Measured", "cpu_seconds", "generate", "measured"]

Pids = Callable[[], Mapping[str, int]]
"""Returns the root process of each role."""


@dataclass(frozen=True)
class Measured:
    """What one scenario cost."""

    result: Mapping[str, Any]
    """What the load generator says."""
    seconds: float
    cpu: Mapping[str, float]
    """CPU seconds, user and system, by role."""

    @property
    def messages(self) -> int:
        """Messages that were answered."""
        count: int = self.result["answered"]
        return count

    def cpu_per_message(self, *roles: str) -> float:
        """Return µs of CPU per answered message, of these roles together."""
        return sum(self.cpu[role] for role in roles) / self.messages * 1e6


def cpu_seconds(pid: int) -> float:
    """Return what a process and its children have used, children that have ended included."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    total: float = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return total


async def generate(*arguments: str, directory: Path) -> dict[str, Any]:
    """Run the load generator in a process of its own and return its result.

    Raises:
        RuntimeError: When it fails, with what it says.
    """
    process = await asyncio.create_subprocess_exec(
        str(CITRINE), "simulate", *arguments, "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=directory,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the load generator ended with {process.returncode}: {err.decode()[-2000:]}")
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


async def measured(pids: Mapping[str, int], *arguments: str, directory: Path) -> Measured:
    """Run the load generator and take the CPU time of the roles meanwhile."""
    before = {role: cpu_seconds(pid) for role, pid in pids.items()}
    began = time.perf_counter()
    result = await generate(*arguments, directory=directory)
    seconds = time.perf_counter() - began
    cpu = {role: cpu_seconds(pid) - before[role] for role, pid in pids.items()}
    return Measured(result, seconds, cpu)


