"""Files that a command writes: whole or not at all, for who may read the one of before, and never those of another."""

import os
import resource
import tempfile
from pathlib import Path

import pytest

from citrine_cli.errors import UsageError
from citrine_cli.whole_files import written_whole


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_is_its_owner_s_alone(tmp_path: Path) -> None:
    new, private, shared = (tmp_path / name for name in ("new", "private", "shared"))
    for file, kept in ((private, 0o600), (shared, 0o664)):
        file.write_text("before")
        file.chmod(kept)

    for file in (new, private, shared):
        with written_whole(file) as text:
            text.write("after")

    assert [(file.read_text(), mode(file)) for file in (new, private, shared)] == [
        ("after", 0o600),
        ("after", 0o600),
        ("after", 0o664),
    ]


def write_with_a_full_disk(file: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # What is written stays in memory until the file is closed.
        with written_whole(file) as text:
            text.write("x" * 1000)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_two_that_write_one_file_at_a_time_do_not_mix_and_the_last_that_ends_stays(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"

    with written_whole(file) as first:
        first.write("first\n")
        with written_whole(file) as second:
            second.write("the second one\n")
        first.write("and more\n")

    assert file.read_text() == "first\nand more\n"
    assert [*tmp_path.iterdir()] == [file]


def test_a_disk_that_is_full_at_the_last_byte_leaves_the_file_of_before_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text("before")
    with pytest.raises(UsageError, match=r"tokens\.csv: "):
        write_with_a_full_disk(file)

    assert file.read_text() == "before"
    assert [*tmp_path.iterdir()] == [file]


def test_a_file_in_a_folder_that_takes_no_other_one_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> tuple[int, str]:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    file = tmp_path / "tokens.csv"
    file.write_text("what was there before")

    with written_whole(file) as text:
        text.write("after")

    assert file.read_text() == "after"
    with pytest.raises(UsageError, match="other: Permission denied"), written_whole(tmp_path / "other"):
        pass
