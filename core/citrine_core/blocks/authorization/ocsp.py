"""Requests to OCSP responders whether certificates are revoked (RFC 6960); answers are cached while they are valid."""

import asyncio
import enum
import hashlib
import ipaddress
import logging
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from citrine.ocpp.v2.types_pb2 import HashAlgorithmEnum, OCSPRequestData

__all__ = ["Certificate", "Ocsp", "OcspStatus", "responder_of"]

logger = logging.getLogger(__name__)

TIMEOUT = 4.0
"""Seconds in which a responder must answer: an EV gives a station 5 (C07)."""

LARGEST_ANSWER = 64 * 1024

SKEW = timedelta(minutes=5)
"""Most that a responder's clock may be ahead."""

DEFAULT_VALIDITY = timedelta(minutes=5)
"""How long an answer without nextUpdate is valid."""

MOST_REMEMBERED = 10_000

_HASHES: dict[int, hashes.HashAlgorithm] = {
    HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA256: hashes.SHA256(),
    HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA384: hashes.SHA384(),
    HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA512: hashes.SHA512(),
}


class OcspStatus(enum.Enum):
    """Revocation status of a certificate."""

    GOOD = 1
    REVOKED = 2
    UNKNOWN = 3
    """The responder does not know it, did not answer, or could not be verified."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate by its OCSP CertID, with its responder."""

    algorithm: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int
    responder_url: str

    @classmethod
    def of(cls, data: OCSPRequestData) -> "Certificate":
        """Return the certificate that the hash data of a station identifies.

        Raises:
            ValueError: When the data is malformed.
        """
        if data.hash_algorithm not in _HASHES:
            raise ValueError("the hash algorithm is not known")
        algorithm = _HASHES[data.hash_algorithm].name
        return cls(
            algorithm,
            bytes.fromhex(data.issuer_name_hash),
            bytes.fromhex(data.issuer_key_hash),
            int(data.serial_number, 16),
            data.responder_url,
        )

    @classmethod
    def issued(cls, certificate: x509.Certificate, issuer: x509.Certificate) -> "Certificate":
        """Return a certificate that `issuer` issued; its responder URL is empty if it names none."""
        return cls(
            "sha256",
            hashlib.sha256(certificate.issuer.public_bytes()).digest(),
            _key_hash(issuer, "sha256"),
            certificate.serial_number,
            responder_of(certificate) or "",
        )

    def request(self) -> bytes:
        """Return the OCSP request about the certificate, in DER.

        Raises:
            ValueError: When the hashes do not have the length of the algorithm.
        """
        algorithm = next(one for one in _HASHES.values() if one.name == self.algorithm)
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            self.issuer_name_hash, self.issuer_key_hash, self.serial_number, algorithm
        )
        return builder.build().public_bytes(serialization.Encoding.DER)


def responder_of(certificate: x509.Certificate) -> str | None:
    """Return the URL of a certificate's OCSP responder; None if it names none."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return None
    found = (one for one in access if one.access_method == AuthorityInformationAccessOID.OCSP)
    return next((str(one.access_location.value) for one in found), None)


class Ocsp:
    """Asks OCSP responders, and caches their answers."""

    def __init__(self) -> None:
        self._answers: dict[Certificate, tuple[OcspStatus, datetime]] = {}

    async def status(
        self,
        certificate: Certificate,
        known: Sequence[x509.Certificate],
        now: datetime,
        hosts: Collection[str] | None = None,
    ) -> OcspStatus:
        """Return the status of a certificate: UNKNOWN, not an exception, if the responder fails.

        Args:
            certificate: The certificate to ask about.
            known: Certificates that may have issued it. A certificate in the answer is trusted as the issuer if its
                key has the issuer key hash of `certificate`.
            now: The current time.
            hosts: Hosts that may be asked although their addresses are private. None: any host may be asked.
        """
        remembered = self._answers.get(certificate)
        if remembered is not None and remembered[1] > now:
            return remembered[0]
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await _post(certificate.responder_url, certificate.request(), hosts)
            status, until = _read(answer, certificate, known, now)
        except (
            OSError,
            TimeoutError,
            ValueError,
            UnsupportedAlgorithm,
            InvalidSignature,
            asyncio.IncompleteReadError,
        ) as error:
            logger.warning(
                "an OCSP responder gave no usable answer: %s",
                type(error).__name__,
                extra={"url": certificate.responder_url},
            )
            return OcspStatus.UNKNOWN
        while len(self._answers) >= MOST_REMEMBERED:
            self._answers.pop(next(iter(self._answers)))
        self._answers[certificate] = (status, until)
        return status


def _read(
    answer: bytes, certificate: Certificate, known: Sequence[x509.Certificate], now: datetime
) -> tuple[OcspStatus, datetime]:
    """Return the status in a responder's answer, and when it expires.

    Raises:
        ValueError: When it is not a current answer about the certificate, or its responder is not trusted.
        InvalidSignature: When its signature is not that of its responder.
    """
    response = ocsp.load_der_ocsp_response(answer)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise ValueError("the responder refuses to answer")
    _verify(response, certificate, known)
    for one in response.responses:
        if (
            one.serial_number == certificate.serial_number
            and one.hash_algorithm.name == certificate.algorithm
            and one.issuer_key_hash == certificate.issuer_key_hash
            and one.issuer_name_hash == certificate.issuer_name_hash
        ):
            until = one.next_update_utc or now + DEFAULT_VALIDITY
            if one.this_update_utc > now + SKEW or until <= now:
                raise ValueError("the answer is not current")
            if one.certificate_status is ocsp.OCSPCertStatus.REVOKED:
                return OcspStatus.REVOKED, until
            good = one.certificate_status is ocsp.OCSPCertStatus.GOOD
            return (OcspStatus.GOOD if good else OcspStatus.UNKNOWN), until
    raise ValueError("the answer is about other certificates")


def _verify(response: ocsp.OCSPResponse, certificate: Certificate, known: Sequence[x509.Certificate]) -> None:
    candidates = [*known, *response.certificates]
    issuers = [one for one in candidates if _key_hash(one, certificate.algorithm) == certificate.issuer_key_hash]
    signers = list(issuers)
    for one in response.certificates:
        # A delegated responder needs a certificate of the CA that issued the certificate asked about.
        if _may_sign(one) and any(_issued(one, issuer) for issuer in issuers):
            signers.append(one)
    for signer in signers:
        if _is_responder(response, signer):
            _verify_signature(response, signer)
            return
    raise ValueError("the responder is not trusted")


def _is_responder(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    return response.responder_key_hash == _key_hash(signer, "sha1")


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _verify_signature(response: ocsp.OCSPResponse, signer: x509.Certificate) -> None:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
        key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    else:
        raise ValueError("the signature algorithm is not supported")


def _key_hash(certificate: x509.Certificate, algorithm: str) -> bytes:
    """Return the hash of a public key by OCSP: of the bits of the key alone."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    else:
        bits = x509.SubjectKeyIdentifier.from_public_key(key).digest if algorithm == "sha1" else _rsa_bits(key)
        if algorithm == "sha1":
            return bits
    return hashlib.new(algorithm, bits, usedforsecurity=algorithm != "sha1").digest()


def _rsa_bits(key: object) -> bytes:
    if not isinstance(key, rsa.RSAPublicKey):
        return b""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


async def _address(host: str, port: int, hosts: Collection[str] | None) -> str:
    """Return the host or address to connect to.

    Raises:
        ValueError: When the address is private and not allowed. Else a station could make the core call any service
            in its network.
    """
    if hosts is None or host.lower() in {name.lower() for name in hosts}:
        return host
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if not addresses or not all(address.is_global for address in addresses):
        raise ValueError("the responder's address is private")
    # The address that was checked: the name may resolve to another one later.
    return str(addresses[0])


async def _post(url: str, body: bytes, hosts: Collection[str] | None) -> bytes:
    """Send a request to a responder and return the body of its answer.

    It uses HTTP/1.0, so that the answer is not chunked and ends with the connection.

    Raises:
        ValueError: When the URL or the answer is not HTTP, or the status is not 200.
        OSError: When the connection fails.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError("the responder's address is no HTTP address")
    is_tls = parts.scheme.lower() == "https"
    port = parts.port or (443 if is_tls else 80)
    reader, writer = await asyncio.open_connection(
        await _address(parts.hostname, port, hosts),
        port,
        ssl=is_tls or None,
        server_hostname=parts.hostname if is_tls else None,
        limit=LARGEST_ANSWER,
    )
    try:
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        lines = (
            f"POST {path} HTTP/1.0",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            "Content-Type: application/ocsp-request",
            "Accept: application/ocsp-response",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        if not all(line.isascii() and line.isprintable() for line in lines):
            raise ValueError("the responder's address has invalid characters")
        writer.write("\r\n".join((*lines, "", "")).encode() + body)
        await writer.drain()
        answer = await reader.read(LARGEST_ANSWER)
        while len(answer) < LARGEST_ANSWER and (more := await reader.read(LARGEST_ANSWER)):
            answer += more
    finally:
        writer.close()
    head, _, content = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split(b" ")
    if len(status) < 2 or status[1] != b"200":
        raise ValueError("the responder answered an error")
    return content
