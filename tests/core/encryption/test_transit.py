"""Secrets encrypted by a key service, whose key never leaves it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from citrine_core.config import CoreSettings
from citrine_core.encryption import AesGcmCipher, KeyFile, NoCipher, SecretUnreadable, cipher_of
from citrine_core.encryption.transit import TransitCipher, TransitKey
from citrine_core.errors import FailedPrecondition
from citrine_process.settings import InvalidSetting
from tests.core.encryption.test_jobs import key_file, store_secrets, stored, whole
from tests.support.core import running_core
from tests.support.key_service import TOKEN, KeyService, key_service


@pytest.fixture
async def service() -> AsyncIterator[KeyService]:
    async with key_service() as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def cipher(service: KeyService, token_file: Path) -> TransitCipher:
    return TransitCipher(TransitKey(service.url, token_file), NoCipher())


async def test_what_is_encrypted_can_be_decrypted_in_its_context_alone(cipher: TransitCipher) -> None:
    encrypted = await cipher.encrypt("a secret", "table\ncolumn\nkey")

    assert encrypted.startswith("$vault-transit$citrine.v1$vault:v1:")
    assert encrypted.startswith(await cipher.current_mark())
    assert await cipher.decrypt(encrypted, "table\ncolumn\nkey") == "a secret"
    with pytest.raises(SecretUnreadable, match=r"a secret that key citrine\.v1 encrypted can't be read: .* 400"):
        await cipher.decrypt(encrypted, "another row")
    assert await cipher.decrypt("in clear", "x") == "in clear"


async def test_a_rotated_key_encrypts_and_the_one_before_still_decrypts(
    service: KeyService, cipher: TransitCipher
) -> None:
    before = await cipher.encrypt("a secret", "x")
    service.rotate()

    assert await cipher.current_mark() == "$vault-transit$citrine.v2$"
    assert (await cipher.encrypt("a secret", "x")).startswith("$vault-transit$citrine.v2$vault:v2:")
    assert await cipher.decrypt(before, "x") == "a secret"


async def test_the_token_is_read_at_each_request(cipher: TransitCipher, token_file: Path) -> None:
    token_file.write_text("an old one")
    with pytest.raises(FailedPrecondition, match="secrets can't be encrypted: the key service answered 403"):
        await cipher.encrypt("a secret", "x")

    token_file.write_text(TOKEN)

    assert await cipher.encrypt("a secret", "x")
    token_file.unlink()
    with pytest.raises(FailedPrecondition, match="can't be reached: No such file or directory"):
        await cipher.encrypt("a secret", "x")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 503}, id="sealed"),
        pytest.param({"status": 302, "headers": {"Location": "https://elsewhere.example"}}, id="redirect"),
        pytest.param({"text": "<html>"}, id="no JSON"),
        pytest.param({"text": "[]"}, id="no object"),
        pytest.param({"text": '{"data": []}'}, id="no data"),
        pytest.param({"text": '{"data": {"x": 1}}'}, id="other data"),
    ],
)
async def test_a_service_that_gives_no_usable_answer_is_said_to(
    service: KeyService, cipher: TransitCipher, answer: dict[str, object]
) -> None:
    encrypted = await cipher.encrypt("a secret", "x")
    service.answer = web.Response(**answer)  # type: ignore[arg-type]  # each as it is

    with pytest.raises(SecretUnreadable, match=r"key service|key citrine"):
        await cipher.decrypt(encrypted, "x")
    service.answer = web.Response(**answer)  # type: ignore[arg-type]
    with pytest.raises(FailedPrecondition, match="key service"):
        await cipher.encrypt("a secret", "x")
    service.answer = web.Response(**answer)  # type: ignore[arg-type]
    with pytest.raises(FailedPrecondition, match="key service"):
        await cipher.current_mark()


async def test_a_core_moves_from_a_file_to_a_key_service(
    service: KeyService, token_file: Path, database_url: str, tmp_path: Path
) -> None:
    """What the file encrypted is encrypted anew; and what the service encrypts, no file can read."""
    async with running_core(database_url, tmp_path) as core:
        await store_secrets(core)
        assert all(secret.startswith("$aes-256-gcm$") for secret in await stored(core))
        file = key_file(core).path

    settings = {"encryption_key_url": service.url, "encryption_token_file": token_file}
    async with running_core(database_url, tmp_path, **settings) as core:
        await core.core.reencryption.run()
        secrets = await stored(core)
        assert "a-new-password-for-it" not in await whole(core)

    assert len(secrets) == 3
    assert all(secret.startswith("$vault-transit$citrine.v1$") for secret in secrets)
    with pytest.raises(SecretUnreadable, match=r"key citrine\.v1, which the encryption key file lacks"):
        await AesGcmCipher(KeyFile(file)).decrypt(secrets[0], "x")


def test_a_token_goes_to_other_machines_by_tls_alone() -> None:
    with pytest.raises(InvalidSetting, match="encryption_key_url: must be of https"):
        cipher_of(CoreSettings(encryption_key_url="http://vault.example:8200/v1/transit/keys/citrine"))

    assert cipher_of(CoreSettings(encryption_key_url="https://vault.example:8200/v1/transit/keys/citrine"))
