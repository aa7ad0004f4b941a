"""The blocks' page, security and from tariffs on: each command of its tables, typed in order beside a demo."""

from pathlib import Path

import pytest

from tests.support.documents_runner import walk_blocks


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sections", ["INOPW", "AJKLM"])
def test_commands_of_blocks_do_what_the_page_says(sections: str, tmp_path: Path, commands: Path) -> None:
    assert not walk_blocks(tmp_path, sections, commands)
