"""An OpenID Connect provider over HTTP, with keys made in the test."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

__all__ = ["AUDIENCE", "Issuer", "issuer"]

AUDIENCE = "citrine"


class Issuer:
    """A provider with its discovery document, its keys and its tokens."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        """Private keys by id, of which the public ones are published."""
        self.fetches = 0
        """How often the keys were fetched."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.add_key("first")

    def add_key(self, key_id: str, kind: str = "RSA") -> None:
        """Make a key and publish it."""
        self.keys[key_id] = (
            rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
        )

    def token(self, key_id: str = "first", algorithm: str = "RS256", key: Any = None, **claims: Any) -> str:
        """Return a token that is valid for five minutes, save for what the claims say; a claim of None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300, **claims}
        payload = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(payload, key or self.keys[key_id], algorithm, {"kid": key_id})

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request for a document."""
        if request.path == "/.well-known/openid-configuration":
            body: dict[str, Any] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        else:
            self.fetches += 1
            body = {"keys": [self._public(key_id, key) for key_id, key in self.keys.items()]}
        data = json.dumps(body).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def close(self) -> None:
        """Be down from now on."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _public(self, key_id: str, key: Any) -> dict[str, Any]:
        kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A provider that is up until its test closes it."""
    issuer = Issuer()
    yield issuer
    issuer.close()
