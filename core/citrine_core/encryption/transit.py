"""Encryption by a key service: the transit engine of HashiCorp Vault or OpenBao, whose keys never leave it.

What it encrypts is stored as `$vault-transit$NAME.VERSION$CIPHERTEXT`. The service authenticates the context.
"""

import asyncio
import binascii
import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from citrine_core.connection_failures import reason_of
from citrine_core.encryption.cipher import Cipher, SecretUnreadable, key_id_of, mark_of
from citrine_core.errors import FailedPrecondition

__all__ = ["SCHEME", "TransitCipher", "TransitKey"]

SCHEME = "vault-transit"

TIMEOUT = 10.0
"""Seconds in which the service must answer."""

LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TransitKey:
    """A key of the service, and how the core authenticates itself. The files are read anew for each request."""

    url: str
    """Of the key: https://HOST/v1/MOUNT/keys/NAME."""
    token_file: Path | None = None
    """File with the token. None: there is none, because a proxy adds it."""
    trust_file: Path | None = None
    """Roots of the server's certificate in PEM. None: those of the system."""

    @property
    def name(self) -> str:
        """Name of the key."""
        return self.url.rpartition("/")[2]

    def operation(self, name: str) -> str:
        """Return the URL of an operation on the key."""
        mount, _, key = self.url.rpartition("/keys/")
        return f"{mount}/{name}/{key}"

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context; None without TLS."""
        return ssl.create_default_context(cafile=self.trust_file) if urlsplit(self.url).scheme == "https" else None

    def headers(self) -> dict[str, str]:
        """Return the headers of each request."""
        headers = {"X-Vault-Request": "true"}
        if self.token_file is not None:
            headers["X-Vault-Token"] = self.token_file.read_text().strip()
        return headers


class _ServiceFailed(Exception):
    """The service gave no usable answer. The text says why, without what it sent."""


class TransitCipher:
    """Encrypts by the latest version of a key of the service.

    Args:
        key: The key.
        files: Decrypts what keys of a file encrypted before.
    """

    def __init__(self, key: TransitKey, files: Cipher) -> None:
        self._key = key
        self._files = files

    async def encrypt(self, secret: str, context: str) -> str:
        """Return a secret in the form to store.

        Raises:
            FailedPrecondition: When the service does not encrypt it.
        """
        try:
            text = await self._ask("encrypt", {"plaintext": _base64(secret), "associated_data": _base64(context)})
            ciphertext = text["ciphertext"]
            version = ciphertext.split(":")[1]
        except _ServiceFailed as error:
            raise FailedPrecondition(f"secrets can't be encrypted: {error}") from error
        except (KeyError, IndexError, AttributeError):
            raise FailedPrecondition("secrets can't be encrypted: the key service answered no ciphertext") from None
        return f"{mark_of(SCHEME, self._id_of(version))}{ciphertext}"

    async def decrypt(self, stored: str, context: str) -> str:
        """Return a secret from its stored form.

        Raises:
            SecretUnreadable: When the service does not decrypt it, or text and context do not belong together.
        """
        if not stored.startswith(f"${SCHEME}$"):
            return await self._files.decrypt(stored, context)
        ciphertext = stored.rpartition("$")[2]
        try:
            answer = await self._ask("decrypt", {"ciphertext": ciphertext, "associated_data": _base64(context)})
            return b64decode(answer["plaintext"], validate=True).decode()
        except _ServiceFailed as error:
            raise SecretUnreadable(f"a secret that key {key_id_of(stored)} encrypted can't be read: {error}") from error
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise SecretUnreadable("a secret can't be decrypted: the key service answered no plaintext") from None

    async def current_mark(self) -> str:
        """Return what texts begin with that the latest version of the key encrypts.

        Raises:
            FailedPrecondition: When the service does not say.
        """
        try:
            return mark_of(SCHEME, self._id_of(f"v{(await self._ask('keys'))['latest_version']}"))
        except _ServiceFailed as error:
            raise FailedPrecondition(f"the key service can't be asked: {error}") from error
        except KeyError:
            raise FailedPrecondition("the key service does not say which version of the key is the latest") from None

    def _id_of(self, version: str) -> str:
        return f"{self._key.name}.{version}"

    async def _ask(self, operation: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the data of an answer; a request with a body is a POST."""
        try:
            # Its own: secrets are few, and a connection that stays open would have to be looked after.
            connector = aiohttp.TCPConnector(ssl=self._key.context() or True, force_close=True)
            async with (
                asyncio.timeout(TIMEOUT),
                aiohttp.ClientSession(connector=connector, headers=self._key.headers()) as session,
                session.request(
                    "GET" if body is None else "POST", self._key.operation(operation), json=body, allow_redirects=False
                ) as response,
            ):
                if response.status != 200:
                    raise _ServiceFailed(f"the key service answered {response.status} {response.reason}")
                content = await response.content.read(LARGEST_ANSWER)
            data = orjson.loads(content)["data"]
        except TimeoutError:
            raise _ServiceFailed(f"the key service gave no answer within {TIMEOUT:.0f} seconds") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _ServiceFailed(f"the key service can't be reached: {reason_of(error)}") from error
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise _ServiceFailed("the key service answered no JSON with data") from None
        if not isinstance(data, dict):
            raise _ServiceFailed("the key service answered no JSON with data")
        return data


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
