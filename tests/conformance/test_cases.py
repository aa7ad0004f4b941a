"""The suite itself: no case is left out."""

import ast
from pathlib import Path

from tests.conformance.report import BLOCKS, CASES, EDITIONS


def written(directory: Path) -> list[str]:
    """Return the cases that are written in the files of a directory."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in directory.glob("test_*.py")]
    functions = [node.name for tree in trees for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    return sorted(name.removeprefix("test_") for name in functions if name.startswith(("test_TC_", "test_EC_")))


def test_every_case_has_its_test() -> None:
    assert written(Path(__file__).parent) == sorted(CASES)


def test_every_case_of_ocpp_1_6_has_its_test() -> None:
    assert written(Path(__file__).parent / "ocpp16") == sorted(EDITIONS["1.6"])


def test_every_case_is_of_a_block_that_the_page_shows() -> None:
    assert {case[3] for case in CASES} == BLOCKS.keys()
