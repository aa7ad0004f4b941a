"""Files of `citrine up`: private, whole, and of one process."""

from pathlib import Path

import pytest

from citrine_cli.errors import CliError
from citrine_cli.up.files import ensure_secret, locked_directory, read_json, write_private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_directory_is_private_and_of_one_process(tmp_path: Path) -> None:
    place = tmp_path / "data"
    with locked_directory(place):
        assert mode(place) == 0o700
        with pytest.raises(CliError, match="runs already"), locked_directory(place):
            pass

    with locked_directory(place):
        assert place.is_dir()


def test_a_directory_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(CliError, match="file/data can't be used: Not a directory"),
        locked_directory(tmp_path / "file/data"),
    ):
        pass


def test_a_file_is_private_and_replaced_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "a.json"
    place.write_text("old")

    write_private(place, '{"a": 1}')

    assert mode(place) == 0o600
    assert read_json(place) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_file_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    place = tmp_path / "a.json"
    place.write_text("old")

    with pytest.raises(UnicodeEncodeError):
        write_private(place, "\ud800")

    assert place.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    place = tmp_path / "edge.credential"
    ensure_secret(place)
    first = place.read_text()
    ensure_secret(place)

    assert place.read_text() == first
    assert len(first.strip()) >= 32
    assert mode(place) == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_what_is_no_object_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)

    assert read_json(tmp_path / "a.json") is None
    assert read_json(tmp_path / "missing.json") is None
