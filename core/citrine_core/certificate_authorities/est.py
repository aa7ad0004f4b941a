"""An authority behind Enrollment over Secure Transport (EST, RFC 7030), which most products for authorities speak."""

import base64
import binascii
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from citrine.ocpp.v2.types_pb2 import CertificateHashData
from citrine_core.certificate_authorities.interface import AuthorityUnavailable, OrderRefused, SigningRequest
from citrine_core.connection_failures import reason_of

__all__ = ["EstAuthority", "EstLogin"]

LONGEST_ANSWER = 100_000
"""Most bytes of an answer that are read."""

REFUSED = frozenset({400, 413, 415, 422})
"""Statuses that say that the request itself is wrong. Others are of the server or of our login, and may change."""


@dataclass(frozen=True, slots=True)
class EstLogin:
    """How the CSMS authenticates itself, and whom it trusts. The files are read anew for each order."""

    trust_file: Path | None = None
    """Roots of the server's certificate in PEM. None: those of the system."""
    credential_file: Path | None = None
    """USER:PASSWORD for Basic authentication. None: there is none."""
    certificate_file: Path | None = None
    """Client certificate in PEM, with its chain. None: there is none."""
    key_file: Path | None = None
    """Its private key in PEM."""

    def context(self) -> ssl.SSLContext:
        """Return the TLS context."""
        context = ssl.create_default_context(cafile=self.trust_file)
        if self.certificate_file is not None:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request."""
        if self.credential_file is None:
            return {}
        credential = self.credential_file.read_bytes().strip()
        return {"Authorization": f"Basic {base64.b64encode(credential).decode()}"}


class EstAuthority:
    """Has requests signed by the operations simpleenroll and cacerts of an EST server.

    Args:
        url: Of the server's operations, without the operation: https://ca.example/.well-known/est.
        login: How to authenticate.
    """

    def __init__(self, url: str, login: EstLogin) -> None:
        self._url = url.rstrip("/")
        self._login = login

    async def order(self, request: SigningRequest) -> str:
        """Have a request signed. The authority decides on what the certificate says beside the request."""
        der = x509.load_pem_x509_csr(request.csr.encode()).public_bytes(serialization.Encoding.DER)
        try:
            connector = aiohttp.TCPConnector(ssl=self._login.context())
            async with aiohttp.ClientSession(connector=connector, headers=self._login.headers()) as session:
                content = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}
                signed = await _ask(session, "POST", f"{self._url}/simpleenroll", base64.encodebytes(der), content)
                above = await _ask(session, "GET", f"{self._url}/cacerts")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AuthorityUnavailable(f"the EST server can't be reached: {reason_of(error)}") from error
        if not signed:
            raise AuthorityUnavailable("the EST server returned no certificate")
        return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in _path(signed, above))

    def leads_to(self, root: CertificateHashData) -> bool:
        """Return True: the server knows its root, and is not asked before the station is answered."""
        return True


async def _ask(
    session: aiohttp.ClientSession, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Sequence[x509.Certificate]:
    """Return the certificates of an answer: PKCS #7, certs-only, in base64."""
    async with session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as response:
        if response.status in REFUSED:
            raise OrderRefused(f"the EST server answered {response.status} {response.reason}")
        if response.status != 200:
            # 202 among them: the request waits for somebody's approval, and is resent until then.
            raise AuthorityUnavailable(f"the EST server answered {response.status} {response.reason}")
        content = b""
        async for chunk in response.content.iter_chunked(LONGEST_ANSWER):
            content += chunk
            if len(content) > LONGEST_ANSWER:
                raise AuthorityUnavailable("the EST server answered too much")
    try:
        return pkcs7.load_der_pkcs7_certificates(base64.b64decode(b"".join(content.split()), validate=True))
    except (ValueError, binascii.Error) as error:
        raise AuthorityUnavailable("the EST server answered what is no list of certificates (PKCS #7)") from error


def _path(signed: Sequence[x509.Certificate], above: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the certificate that was signed and those above it, in order, as far as they are known."""
    path = [signed[0]]
    candidates = [*signed[1:], *above]
    while path[-1].issuer != path[-1].subject:
        issuer = next((one for one in candidates if one not in path and _is_issued_by(path[-1], one)), None)
        if issuer is None:
            break
        path.append(issuer)
    return path


def _is_issued_by(subject: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
