"""What users read says the glossary's words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.conventions.test_help import EVERY, options

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"

PROGRAMS = (
    "clients/words/citrine_words",
    "clients/cli/citrine_cli",
    "clients/simulator/citrine_simulator",
    "clients/console/citrine_console",
    "clients/ocpi/citrine_ocpi",
    "core/citrine_core",
    "core/citrine_process",
    "edge/citrine_edge",
)
CONTRACTS = ("protos/citrine/api/v1", "protos/citrine/events/v1")
PAGES = ("docs/blocks.md", "docs/cli.md", "docs/settings.md", "docs/metrics.md", "docs/simulator.md")

PRINTERS = {"table", "facts", "line", "message"}
"""Methods that print words."""

SPINE = (
    *("core/citrine_core/link", "core/citrine_core/dispatch", "core/citrine_core/db", "core/citrine_core/events"),
    *("core/citrine_core/rpc", "core/citrine_process", "edge/citrine_edge", "protos/citrine/edge"),
)
"""What engineers read first: its documentation, too, says the trade's words."""

PLAIN = re.compile(r"\b(told|tells?|keeps?|kept|mine|tends?|room)\b", re.IGNORECASE)
"""Say notify, report, send, show; retain, store; of ours; capacity, space."""

FOREIGN = {"connections to all backends failing"}
"""What is compared with the words of others."""


def rules() -> list[tuple[str, re.Pattern[str]]]:
    """Return what to say, and what never to say, from the glossary's last table."""
    table = GLOSSARY.read_text(encoding="utf-8").split("\n## What is printed\n")[1]
    found = []
    for line in table.splitlines():
        cells = line.strip("| ").split(" | ") if line.startswith("| ") else []
        if len(cells) == 2 and cells[0] != "say":
            never, _, save = cells[1].partition(" but ")
            regular = re.findall(r"/(.+?)/", never)
            plain = [re.escape(word) for word in re.sub(r"/.+?/", "", never).split(", ") if word]
            behind = re.escape(save.removeprefix("kept")) if save else ""
            pattern = rf"\b(?:{'|'.join((*regular, *plain))})\b" + (f"(?!{behind})" if behind else "")
            found.append((cells[0], re.compile(pattern, re.IGNORECASE)))
    return found


def sentences(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that people may read: those with a blank, and what is printed; no documentation."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    headings = {
        id(word)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PRINTERS
        for word in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            text = " ".join(node.value.split())
            if (" " in text or id(node) in headings) and not any(foreign in text for foreign in FOREIGN):
                yield node.lineno, text


def comments(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the comments of a proto, each with the lines that go on with it."""
    began, text = 0, ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        _, mark, comment = line.partition("//")
        if mark:
            began, text = (began if text else number), f"{text} {comment.strip()}"
        elif text:
            yield began, text
            text = ""


def printed() -> Iterator[tuple[str, str]]:
    """Yield all that users read, with where it is written."""
    for folder in PROGRAMS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in file.parts:
                yield from ((f"{file.relative_to(ROOT)}:{line}", text) for line, text in sentences(file))
    for folder in CONTRACTS:
        for file in sorted((ROOT / folder).glob("*.proto")):
            yield from ((f"{file.relative_to(ROOT)}:{line}", text) for line, text in comments(file))
    for path, command in EVERY.items():
        yield f"{path} --help", " ".join(filter(None, (command.help, *(one.help for one in options(command)))))
    for page in PAGES:
        lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
        yield from ((f"{page}:{number}", line) for number, line in enumerate(lines, start=1))


def test_what_is_printed_says_the_words_of_the_glossary() -> None:
    known = rules()
    assert len(known) > 10

    wrong = [
        f"{place}: {found[0]!r}: say {say}"
        for place, text in printed()
        for say, never in known
        if (found := never.search(" ".join(text.split())))
    ]
    assert wrong == []


def test_the_documentation_of_the_spine_says_the_words_of_the_trade() -> None:
    files = [file for folder in SPINE for kind in ("*.py", "*.proto") for file in (ROOT / folder).rglob(kind)]
    assert len(files) > 100

    lines = [(file, line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert [f"{file.relative_to(ROOT)}: {line.strip()}" for file, line in lines if PLAIN.search(line)] == []
