"""What documents ask their reader to type: the commands of their fences and tables, and the output that they show."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DOCUMENTS", "ROOT", "LeftOut", "Step", "read_files", "read_steps", "read_tables"]

ROOT = Path(__file__).parent.parent.parent

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/examples/*.md"),
    )
)
"""All documents for readers, by their paths from the root."""

_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
_GOES_ON = "<!-- goes on -->"
_FILE = re.compile(
    r"^(?:A|Save this as) `(\S+\.(?:json|toml))`[^`]*:\n\n```(?:json|toml)\n(.+?)^```", re.MULTILINE | re.DOTALL
)
_SPAN = re.compile(r"`([^`]+)`(?:\s*<!-- (not run: .+?|by and by) -->)?")
_ENDLESS = ("citrine events", "citrine station watch CS-1")


@dataclass(frozen=True)
class Step:
    """A command, or a program in Python."""

    line: int
    """Where it stands, from 1."""
    text: str
    is_python: bool = False
    goes_on: bool = False
    """Whether it does not end by itself."""
    shows: tuple[str, ...] = ()
    """Lines that it prints."""
    by_and_by: bool = False
    """Whether it may have to be typed again until what it is about has happened."""


@dataclass(frozen=True)
class LeftOut:
    """What is not run, and why."""

    line: int
    text: str
    reason: str


def read_steps(document: str) -> tuple[list[Step], list[LeftOut]]:
    """Return what the fences of a document ask for, and what they leave out, in order."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    mark, follows, number = "", False, 0
    while number < len(lines):
        line = lines[number]
        if not line.startswith("```"):
            mark = line.strip() or mark
            follows = follows and not line.strip()
            number += 1
            continue
        language = line.removeprefix("```").strip()
        end = next(at for at in range(number + 1, len(lines)) if lines[at].startswith("```"))
        body = lines[number + 1 : end]
        if language in ("sh", "python"):
            reason = _NOT_RUN.fullmatch(mark)
            found = _commands(body, number + 2) if language == "sh" else [Step(number + 2, "\n".join(body), True)]
            if reason:
                left_out += [LeftOut(one.line, one.text, reason[1]) for one in found]
            elif mark == _GOES_ON:
                found[-1] = Step(found[-1].line, found[-1].text, found[-1].is_python, goes_on=True)
            if not reason:
                steps += found
            follows = not reason
        elif language == "text" and follows:
            last = steps[-1]
            steps[-1] = Step(last.line, last.text, last.is_python, last.goes_on, tuple(filter(str.strip, body)))
            follows = False
        mark, number = "", end + 1
    return steps, left_out


def read_files(document: str) -> dict[str, str]:
    """Return the files that a document shows whole, behind "A `tariff.json` …:" or "Save this as `fleet.toml`:"."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return dict(_FILE.findall(text))


def read_tables(document: str, sections: str = "ABCDEFGHIJKLMNOPW") -> tuple[list[Step], list[LeftOut]]:
    """Return the commands in the last cells of the tables of some sections, whose titles begin with those letters.

    A span that begins with `--` is the command before it in its cell with other options. What does not end by itself
    is begun where it is named first, and goes on.

    Raises:
        ValueError: Where options stand in a cell without a command before them: nobody could type them.
    """
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    section = ""
    for number, line in enumerate((ROOT / document).read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("## "):
            section = line[3:]
        if not line.startswith("| ") or section[:1] not in sections:
            continue
        before = ""
        for text, mark in _SPAN.findall(line.rsplit(" | ", 1)[-1].replace("\\|", "|")):
            if text.startswith("citrine "):
                before = text
            elif not text.startswith("--"):
                continue
            elif not before:
                raise ValueError(f"{document}:{number}: `{text}` has no command before it in its cell")
            command = text if text.startswith("citrine ") else f"{before} {text}"
            if mark.startswith("not run: "):
                left_out.append(LeftOut(number, command, mark.removeprefix("not run: ")))
            elif command not in _ENDLESS:
                steps.append(Step(number, command, by_and_by=bool(mark)))
            elif not any(command == step.text for step in steps):
                steps.append(Step(number, command, goes_on=True))
    return steps, left_out


def _commands(body: list[str], first: int) -> list[Step]:
    found: list[Step] = []
    text, began = "", first
    for number, line in enumerate(body, start=first):
        if not text:
            began = number
        if line.endswith("\\"):
            text += line + "\n"
            continue
        text += line
        if text.strip() and not text.lstrip().startswith("#"):
            found.append(Step(began, text))
        text = ""
    return found
