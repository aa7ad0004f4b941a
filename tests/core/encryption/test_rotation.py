"""Tests of `citrine db rotate-key`."""

from pathlib import Path

import pytest

from citrine_core.encryption import KeyFile
from citrine_core.encryption.rotation import main


def test_a_key_is_added_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "encryption.keys"

    codes = [main(["--encryption-key-file", str(path)]), main(["--encryption-key-file", str(path), "--delay", "1h"])]

    said = capsys.readouterr().out.splitlines()
    keys = KeyFile(path).read()
    assert codes == [0, 0]
    assert [line.split()[1] for line in said] == [key.key_id for key in keys]
    assert 3590 <= (keys[1].since - keys[0].since).total_seconds() <= 3610


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        pytest.param([], 2, "set CITRINE_ENCRYPTION_KEY_FILE", id="no file"),
        pytest.param(["--encryption-key-file", "/nowhere/x", "--delay", "soon"], 2, "rotation_delay", id="no duration"),
        pytest.param(["--encryption-key-file", "/nowhere/x"], 1, "No such file", id="no directory"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(
    arguments: list[str], code: int, problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CITRINE_ENCRYPTION_KEY_FILE", raising=False)

    assert main(arguments) == code

    said = capsys.readouterr().err
    assert said.startswith("citrine db rotate-key: ")
    assert problem in said
    assert said.count("\n") == 1
