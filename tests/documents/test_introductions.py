"""README, tutorial and the other pages: each command that they show, typed in order beside a demo."""

from pathlib import Path

import pytest

from tests.support.documents import DOCUMENTS, read_steps
from tests.support.documents_runner import Reader, demo


@pytest.mark.timeout(600)
@pytest.mark.parametrize("document", [one for one in DOCUMENTS if read_steps(one)[0]])
def test_commands_of_a_document_do_what_it_says(document: str, tmp_path: Path, commands: Path) -> None:
    with demo(tmp_path, commands) as running, Reader(running) as reader:
        reader.follow(document, read_steps(document)[0])
    assert not reader.problems, "\n\n".join(reader.problems)
