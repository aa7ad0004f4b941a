"""The keys of the adapter's own file: changed while adapters run, and what was encrypted before stays readable."""

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from citrine_ocpi.encryption import TokenCipher
from citrine_ocpi.key_file import EncryptionKeyError
from citrine_ocpi.partners.repository import PartnerRepository
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import RunningAdapter, running_adapter


@pytest.fixture
async def partner() -> AsyncIterator[Emsp]:
    """A partner that nobody knows yet."""
    async with emsp() as peer:
        yield peer


async def stored(adapter: RunningAdapter) -> str:
    async with adapter.office.database.reading() as session:
        row = await PartnerRepository(session).find("tnm")
        assert row is not None
        return row.token


async def test_another_key_encrypts_while_adapters_run_and_the_one_before_may_go_then(
    empty_database_url: str, tmp_path: Path, partner: Emsp
) -> None:
    keys = tmp_path / "ocpi.keys"
    async with running_adapter(tmp_path, database=empty_database_url, modules=[]) as adapter:
        await partner.register(adapter.versions_url, await adapter.invite("tnm"))
        before = await stored(adapter)
        command = TokenCipher(keys)

        command.rotate(datetime.now(UTC))
        assert await adapter.office.reencryption.encrypt() == 1
        assert await adapter.office.reencryption.encrypt() == 0

        after = await stored(adapter)
        assert command.decrypt(before, "tnm") == command.decrypt(after, "tnm")
        assert (await adapter.office.registration.rotate(await adapter.office.administration.get("tnm"))).token
    lines = keys.read_text().splitlines()
    assert (len(lines), keys.stat().st_mode & 0o777) == (2, 0o600)
    keys.write_text(lines[1] + "\n")

    async with running_adapter(tmp_path, database=empty_database_url, modules=[]) as adapter:
        found = await adapter.office.administration.get("tnm")
        assert {found.token} == partner.accepted
        with pytest.raises(EncryptionKeyError, match="lacks the key"):
            TokenCipher(keys).decrypt(before, "tnm")


def test_a_key_that_begins_later_decrypts_at_once_and_encrypts_from_then_on(tmp_path: Path) -> None:
    file, now = tmp_path / "ocpi.keys", datetime.now(UTC)
    cipher, later = TokenCipher(file), TokenCipher(file, lambda: now + timedelta(hours=2))
    first = cipher.encrypt("a token", "tnm")

    cipher.rotate(now + timedelta(hours=1))

    assert cipher.encrypted_anew(first, "tnm") == first
    second = later.encrypted_anew(first, "tnm")
    assert second != first
    assert cipher.decrypt(second, "tnm") == later.decrypt(first, "tnm") == "a token"
    with pytest.raises(EncryptionKeyError, match="another partner's"):
        cipher.decrypt(second, "xyz")


@pytest.mark.parametrize("separator", [b"\n", b" "], ids=["lines", "one line"])
def test_of_keys_without_a_time_the_first_one_encrypts_as_it_did_before(tmp_path: Path, separator: bytes) -> None:
    file, keys = tmp_path / "ocpi.keys", [Fernet.generate_key() for _ in range(2)]
    file.write_bytes(separator.join(keys))

    text = TokenCipher(file).encrypt("a token", "tnm")

    assert Fernet(keys[0]).decrypt(text.encode()) == b"tnm\na token"
    assert TokenCipher(file).decrypt(Fernet(keys[1]).encrypt(b"tnm\nanother").decode(), "tnm") == "another"


def test_while_the_file_can_not_be_read_the_keys_of_before_are_used(tmp_path: Path) -> None:
    """As while it is copied from another host."""
    file = tmp_path / "ocpi.keys"
    cipher = TokenCipher(file)
    text, content = cipher.encrypt("a token", "tnm"), file.read_bytes()

    for half in (b"", content[:20]):
        file.write_bytes(half)
        assert cipher.decrypt(text, "tnm") == cipher.decrypt(cipher.encrypt("a token", "tnm"), "tnm") == "a token"
        with pytest.raises(EncryptionKeyError):
            cipher.rotate(datetime.now(UTC))
    file.unlink()
    assert cipher.decrypt(text, "tnm") == "a token"
    assert not file.exists()

    file.write_bytes(Fernet.generate_key())
    with pytest.raises(EncryptionKeyError, match="lacks the key"):
        cipher.decrypt(text, "tnm")


def test_of_several_who_add_a_key_at_once_each_one_does_and_the_file_stays_whose_it_is(tmp_path: Path) -> None:
    file = tmp_path / "ocpi.keys"
    ciphers = [TokenCipher(file) for _ in range(8)]
    texts = [ciphers[0].encrypt("a token", "tnm")]
    file.chmod(0o640)

    with ThreadPoolExecutor(len(ciphers)) as threads:
        for done in [threads.submit(one.rotate, datetime.now(UTC)) for one in ciphers]:
            done.result()

    assert len(file.read_text().splitlines()) == 1 + len(ciphers)
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["ocpi.keys"]
    texts += [one.encrypt("a token", "tnm") for one in ciphers]
    assert {TokenCipher(file).decrypt(one, "tnm") for one in texts} == {"a token"}


@pytest.mark.parametrize("content", ["", "no key", "no key 2026-11-30T00:00:00+00:00", "\x00"])
def test_a_file_without_keys_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ocpi.keys"
    file.write_text(content)

    with pytest.raises(EncryptionKeyError, match=r"ocpi\.keys") as raised:
        TokenCipher(file)

    assert json.dumps(str(raised.value)).count("\\n") == 0
