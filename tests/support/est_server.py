"""An EST server (RFC 7030) for tests: simpleenroll and cacerts over TLS, in the process of the test."""

import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from tests.support.pki import Authority

__all__ = ["EstServer", "est_server"]


@dataclass
class EstServer:
    """A running server, and what it was asked."""

    authority: Authority
    root: Authority
    url: str = ""
    credential: str = "user:secret"
    status: int = 200
    """What requests for certificates are answered."""
    body: bytes | None = None
    """What they are answered in place of a certificate. None: a certificate."""
    asked: list[x509.CertificateSigningRequest] = field(default_factory=list)

    async def enroll(self, request: web.Request) -> web.Response:
        """Answer simpleenroll."""
        wanted = f"Basic {base64.b64encode(self.credential.encode()).decode()}"
        if request.headers.get("Authorization") != wanted:
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        assert request.content_type == "application/pkcs10"
        csr = x509.load_der_x509_csr(base64.b64decode(await request.read()))
        self.asked.append(csr)
        if self.status != 200:
            return web.Response(status=self.status)
        return _answer(self.authority.sign(csr)[:1]) if self.body is None else web.Response(body=self.body)

    async def roots(self, request: web.Request) -> web.Response:
        """Answer cacerts."""
        return _answer([self.root.own.certificate, self.authority.own.certificate])


def _answer(certificates: list[x509.Certificate]) -> web.Response:
    content = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
    return web.Response(body=base64.encodebytes(content), content_type="application/pkcs7-mime")


@contextlib.asynccontextmanager
async def est_server(directory: Path) -> AsyncIterator[EstServer]:
    """Run a server on a free port; it writes trust.pem and credential to the directory."""
    root = Authority.root("EST root")
    server = EstServer(root.below("EST sub-CA"), root)
    certificate, key = root.server().write(directory, "est-server")
    (directory / "trust.pem").write_text(root.pem)
    (directory / "credential").write_text(f"{server.credential}\n")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    app = web.Application()
    app.router.add_post("/.well-known/est/simpleenroll", server.enroll)
    app.router.add_get("/.well-known/est/cacerts", server.roots)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        server.url = f"https://127.0.0.1:{runner.addresses[0][1]}/.well-known/est"
        yield server
    finally:
        await runner.cleanup()
