"""Tests of the file with the keys that encrypt secrets."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citrine_core.encryption import KeyFile, KeyFileError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_file_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "encryption.keys"

    first = KeyFile(path).ensure(NOW)
    again = KeyFile(path).ensure(NOW + timedelta(days=1))

    assert [key.key_id for key in first] == [key.key_id for key in again]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_rotation_adds_a_key_and_retains_the_one_before(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "encryption.keys")
    (first,) = file.ensure(NOW)

    added = file.rotate(NOW + timedelta(hours=1))

    assert [key.key_id for key in file.read()] == [first.key_id, added.key_id]
    assert file.read()[1].since == NOW + timedelta(hours=1)
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_change_by_another_process_is_seen(tmp_path: Path) -> None:
    file, other = KeyFile(tmp_path / "encryption.keys"), KeyFile(tmp_path / "encryption.keys")
    file.ensure(NOW)

    other.rotate(NOW)

    assert len(file.read()) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "has no key", id="empty"),
        pytest.param("abc\n", "line 1 is not", id="no key"),
        pytest.param("abc c2hvcnQ= 2026-01-01T00:00:00+00:00\n", "line 1 is not", id="too short"),
        pytest.param(f"abc {'A' * 43}= 2026-01-01T00:00:00\n", "line 1 is not", id="a time without a zone"),
        pytest.param("\xe4", "can't be read", id="no text"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_and_not_overwritten(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "encryption.keys"
    path.write_text(text, encoding="latin-1")

    with pytest.raises(KeyFileError, match=problem) as refused:
        KeyFile(path).ensure(NOW)

    assert path.read_text(encoding="latin-1") == text
    assert "c2hvcnQ" not in str(refused.value)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"nowhere/encryption\.keys: No such file"):
        KeyFile(tmp_path / "nowhere" / "encryption.keys").ensure(NOW)
