"""The suite itself: no case of part 6 is left out."""

import ast
from pathlib import Path

from tests.conformance.report import BLOCKS, CASES


def test_every_case_has_its_test() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("test_*.py")]
    functions = [node.name for tree in trees for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    written = [name.removeprefix("test_") for name in functions if name.startswith("test_TC_")]

    assert sorted(written) == sorted(CASES)


def test_every_case_is_of_a_block_that_the_page_shows() -> None:
    assert {case[3] for case in CASES} == BLOCKS.keys()
