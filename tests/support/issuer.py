"""An OpenID Connect provider over HTTP, with keys made in the test."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

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
        self.claims: dict[str, Any] = {}
        """Of the tokens that who logs in gets."""
        self.lifetime = 300
        """Seconds that these are valid."""
        self.refreshes = 0
        """How often one was refreshed."""
        self._codes: dict[str, str] = {}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/authorize?"):
                    issuer.authorize(self)
                else:
                    issuer.answer(self)

            def do_POST(self) -> None:
                issuer.give_token(self)

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
            body: dict[str, Any] = {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
            }
        else:
            self.fetches += 1
            body = {"keys": [self._public(key_id, key) for key_id, key in self.keys.items()]}
        self._send(request, 200, body)

    def authorize(self, request: BaseHTTPRequestHandler) -> None:
        """Send a browser back with a code, as if somebody had logged in."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked["code_challenge"]
        request.send_response(302)
        back = urlencode({"code": code, "state": asked["state"]})
        request.send_header("Location", f"{asked['redirect_uri']}?{back}")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def give_token(self, request: BaseHTTPRequestHandler) -> None:
        """Give tokens for a code with its verifier, or for a refresh token."""
        content = request.rfile.read(int(request.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(content).items()}
        if asked["grant_type"] == "authorization_code":
            digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if self._codes.pop(asked["code"], None) != challenge:
                self._send(request, 400, {"error": "invalid_grant"})
                return
        elif asked.get("refresh_token") != "refresh":
            self._send(request, 400, {"error": "invalid_grant"})
            return
        else:
            self.refreshes += 1
        exp = int(time.time()) + self.lifetime
        token = {"access_token": self.token(exp=exp, **self.claims), "refresh_token": "refresh"}
        self._send(request, 200, {**token, "expires_in": self.lifetime, "token_type": "Bearer"})

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
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
