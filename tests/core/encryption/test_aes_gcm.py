"""Tests of encryption by the keys of a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citrine_core.encryption import AesGcmCipher, KeyFile, NoCipher, SecretUnreadable
from citrine_core.errors import FailedPrecondition

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "encryption.keys")


async def test_a_secret_is_read_again_in_its_context_only(file: KeyFile) -> None:
    cipher = AesGcmCipher(file, lambda: NOW)

    stored = await cipher.encrypt("pässword", "commands\n1")

    assert "ssword" not in stored
    assert stored.startswith(f"$aes-256-gcm${file.read()[0].key_id}$")
    assert await cipher.decrypt(stored, "commands\n1") == "pässword"
    with pytest.raises(SecretUnreadable, match="was changed"):
        await cipher.decrypt(stored, "commands\n2")


async def test_the_same_secret_looks_different_each_time(file: KeyFile) -> None:
    cipher = AesGcmCipher(file, lambda: NOW)

    assert await cipher.encrypt("secret", "x") != await cipher.encrypt("secret", "x")


async def test_what_was_stored_in_clear_is_read_as_it_is(file: KeyFile) -> None:
    assert await AesGcmCipher(file).decrypt('{"a": 1}', "x") == '{"a": 1}'
    assert await NoCipher().decrypt('{"a": 1}', "x") == '{"a": 1}'


@pytest.mark.parametrize(
    "change", [lambda text: text[:-8] + "AAAAAAA=", lambda text: text[:30], lambda text: text + "!"]
)
async def test_a_changed_text_is_not_decrypted(file: KeyFile, change: "type[str]") -> None:
    cipher = AesGcmCipher(file, lambda: NOW)
    stored = await cipher.encrypt("secret", "x")

    with pytest.raises(SecretUnreadable, match="was changed"):
        await cipher.decrypt(change(stored), "x")


async def test_a_new_key_encrypts_from_its_time_and_the_old_one_still_decrypts(file: KeyFile) -> None:
    now = NOW
    cipher = AesGcmCipher(file, lambda: now)
    old = await cipher.encrypt("secret", "x")
    added = file.rotate(NOW + timedelta(minutes=5))
    before = await cipher.current_mark()
    now = NOW + timedelta(minutes=6)

    new = await cipher.encrypt("secret", "x")

    assert before in old
    assert added.key_id in new
    assert await cipher.decrypt(old, "x") == await cipher.decrypt(new, "x") == "secret"


async def test_a_missing_key_is_named(file: KeyFile, tmp_path: Path) -> None:
    stored = await AesGcmCipher(file, lambda: NOW).encrypt("secret", "x")
    other = AesGcmCipher(KeyFile(tmp_path / "others.keys"), lambda: NOW)
    await other.current_mark()

    with pytest.raises(SecretUnreadable, match=f"key {file.read()[0].key_id}, which the encryption key file lacks"):
        await other.decrypt(stored, "x")
    with pytest.raises(SecretUnreadable, match="the core does not have it: set CITRINE_ENCRYPTION_KEY_FILE"):
        await NoCipher().decrypt(stored, "x")
    with pytest.raises(FailedPrecondition, match="set CITRINE_ENCRYPTION_KEY_FILE"):
        await NoCipher().encrypt("secret", "x")
