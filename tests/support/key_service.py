"""A key service for tests: the transit engine of Vault, over HTTP, in the process of the test."""

import base64
import binascii
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["TOKEN", "KeyService", "key_service"]

TOKEN = "token-of-the-core"


def _new_key() -> AESGCM:
    return AESGCM(AESGCM.generate_key(256))


@dataclass
class KeyService:
    """A running service with one key, and what it was asked."""

    url: str = ""
    versions: list[AESGCM] = field(default_factory=lambda: [_new_key()])
    asked: list[str] = field(default_factory=list)
    answer: web.Response | None = None
    """What each request is answered. None: what it asks for."""

    def rotate(self) -> None:
        """Add a version of the key, which encrypts from now on."""
        self.versions.append(_new_key())

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        operation = request.match_info["operation"]
        self.asked.append(f"{request.method} {operation}")
        if request.headers.get("X-Vault-Token") != TOKEN or request.headers.get("X-Vault-Request") != "true":
            return web.json_response({"errors": ["permission denied"]}, status=403)
        if self.answer is not None:
            return self.answer
        try:
            data = getattr(self, operation)(await request.json() if request.method == "POST" else {})
        except (InvalidTag, binascii.Error, IndexError):
            return web.json_response({"errors": ["cipher: message authentication failed"]}, status=400)
        return web.json_response({"request_id": "1", "data": data})

    def keys(self, body: dict[str, str]) -> dict[str, Any]:
        """Describe the key."""
        return {"type": "aes256-gcm96", "latest_version": len(self.versions)}

    def encrypt(self, body: dict[str, str]) -> dict[str, Any]:
        """Encrypt by the latest version."""
        nonce = secrets.token_bytes(12)
        sealed = self.versions[-1].encrypt(nonce, *map(base64.b64decode, (body["plaintext"], body["associated_data"])))
        text = f"vault:v{len(self.versions)}:{base64.b64encode(nonce + sealed).decode()}"
        return {"ciphertext": text, "key_version": len(self.versions)}

    def decrypt(self, body: dict[str, str]) -> dict[str, Any]:
        """Decrypt by the version that encrypted."""
        _, version, text = body["ciphertext"].split(":")
        sealed, about = base64.b64decode(text, validate=True), base64.b64decode(body["associated_data"])
        clear = self.versions[int(version[1:]) - 1].decrypt(sealed[:12], sealed[12:], about)
        return {"plaintext": base64.b64encode(clear).decode()}


@contextlib.asynccontextmanager
async def key_service() -> AsyncIterator[KeyService]:
    """Run a service on a free port; its key is "citrine" of the engine at "transit"."""
    service = KeyService()
    app = web.Application()
    app.router.add_route("*", "/v1/transit/{operation}/citrine", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/transit/keys/citrine"
    try:
        yield service
    finally:
        await runner.cleanup()
