"""A PKI for contracts of ISO 15118, and the OCSP responder that it names."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

__all__ = ["Issued", "Responder", "issue", "pem", "responder"]

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and who issued it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    issuer: "Issued | None" = None

    def hash_data(self, url: str) -> dict[str, str]:
        """Return what a station says of it: OCSPRequestDataType."""
        assert self.issuer is not None
        key = self.issuer.certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": hashlib.sha256(self.certificate.issuer.public_bytes()).hexdigest(),
            "issuerKeyHash": hashlib.sha256(point).hexdigest(),
            "serialNumber": f"{self.certificate.serial_number:x}",
            "responderURL": url,
        }


def issue(name: str, issuer: Issued | None = None, *, ca: bool = True, url: str = "", days: int = 30) -> Issued:
    """Issue a certificate, valid for so many days since two days ago; without an issuer it is a root."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    began = datetime.now(UTC) - 2 * DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + days * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if url:
        location = x509.UniformResourceIdentifier(url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key, issuer)


def pem(*issued: Issued) -> str:
    """Return certificates in PEM."""
    return "".join(one.certificate.public_bytes(serialization.Encoding.PEM).decode() for one in issued)


@dataclass
class Responder:
    """Answers for the certificates that it was told of, each signed by its issuer."""

    url: str = ""
    issued: dict[int, Issued] = field(default_factory=dict)
    revoked: set[int] = field(default_factory=set)
    asked: list[ocsp.OCSPRequest] = field(default_factory=list)
    """What it was asked."""
    signer: Issued | None = None
    """Who signs in the place of the issuer. None: the issuer."""

    def add(self, *issued: Issued) -> None:
        """Answer for certificates."""
        self.issued |= {one.certificate.serial_number: one for one in issued}

    def revoke(self, issued: Issued) -> None:
        """Say from now on that a certificate is revoked."""
        self.revoked.add(issued.certificate.serial_number)

    def answer(self, request: ocsp.OCSPRequest) -> bytes:
        """Return the answer to a request, DER."""
        one = self.issued[request.serial_number]
        assert one.issuer is not None
        now, signer = datetime.now(UTC), self.signer or one.issuer
        revoked = request.serial_number in self.revoked
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=one.certificate,
            issuer=one.issuer.certificate,
            algorithm=request.hash_algorithm,
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=now,
            next_update=now + DAY,
            revocation_time=now if revoked else None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        signed = builder.certificates([signer.certificate]).sign(signer.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request over HTTP."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        request = ocsp.load_der_ocsp_request(await reader.readexactly(length))
        self.asked.append(request)
        body = self.answer(request)
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n" + body)
        await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def responder() -> AsyncIterator[Responder]:
    """Run a responder on a free port for the time of a block."""
    running = Responder()
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocsp"
    async with server:
        yield running
