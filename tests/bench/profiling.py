"""Profiles of the Python processes of a scenario: `make bench ARGS="--profile --only NAME"`.

A sampler looks at each process from outside (py-spy), so that what is measured runs as it does otherwise, but for
some percent. It sees what holds Python's lock, since threads that only wait look busy while the sampler has stopped
them. What takes time without the lock (statements of SQLite, writes to sockets, changes of threads) is not in it:
`perf` tells that. Each profile is two files: the stacks, collapsed, as flame graph tools read them, and the functions
that take most.
"""

import contextlib
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.bench.errors import BenchError

__all__ = ["Profiles", "top"]

RATE = 500
"""Samples a second, for each of which a process stands still for a moment: else what moves is missed."""

END_TIMEOUT = 30.0
"""Seconds in which a sampler writes what it has."""

SHOWN = 60
"""Functions of the list."""


class Profiles:
    """Profiles of one window after the other, in a folder.

    Raises:
        BenchError: When there is no sampler.
    """

    def __init__(self, folder: Path, group: str = "") -> None:
        self._folder = folder / group
        beside = Path(sys.executable).parent / "py-spy"
        found = str(beside) if beside.exists() else shutil.which("py-spy")
        if found is None:
            raise BenchError('py-spy is not installed; `make bench ARGS="--profile ..."` installs it')
        self._sampler = found
        self._running: list[tuple[subprocess.Popen[bytes], Path]] = []

    def begin(self, name: str, pids: Mapping[str, Sequence[int]]) -> None:
        """Begin to sample the Python processes of a system."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # Other names than those of the files of groups and points are none of ours.
        name = name.replace("/", "-").replace(" ", "-").replace(",", "")
        for role, each in pids.items():
            if role == "database":
                continue
            for number, pid in enumerate(each):
                path = self._folder / f"{name}-{role}{number or ''}.collapsed"
                self._running.append((self._sample(pid, path), path))

    def _sample(self, pid: int, path: Path) -> subprocess.Popen[bytes]:
        command = [
            self._sampler,
            "record",
            "--pid",
            str(pid),
            "--rate",
            str(RATE),
            "--format",
            "raw",
            "--threads",
            "--gil",
        ]
        return subprocess.Popen(
            [*command, "--nolineno", "--output", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """End the samplers and write what they found."""
        for process, _ in self._running:
            # As Ctrl-C does it: it writes its file then.
            process.send_signal(2)
        for process, path in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_TIMEOUT)
            if path.exists():
                path.with_suffix(".top.txt").write_text(top(path.read_text().splitlines()))
        self._running.clear()


def top(stacks: Iterable[str]) -> str:
    """Return the functions in collapsed stacks that take most, each with its share of the samples.

    That is the share in which it is at work itself, and the one in which it or what it calls is.
    """
    own: Counter[str] = Counter()
    with_callees: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        stack = frames.split(";")
        own[stack[-1]] += int(count)
        for frame in set(stack):
            with_callees[frame] += int(count)
    samples = max(1, own.total())
    lines = [f"{own.total()} samples", "", "  own %  with callees %  function", *_lines(own, with_callees, samples)]
    lines += ["", "with callees:", "", *_lines(with_callees, with_callees, samples, own)]
    return "\n".join(lines) + "\n"


def _lines(
    order: Counter[str], with_callees: Counter[str], samples: int, own: Counter[str] | None = None
) -> Iterable[str]:
    for frame, _ in order.most_common(SHOWN):
        alone = (order if own is None else own)[frame]
        yield f"{100 * alone / samples:7.1f}  {100 * with_callees[frame] / samples:14.1f}  {frame}"
