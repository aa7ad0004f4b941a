"""Certificates by their hash data: CertID of RFC 6960, CertificateHashDataType and OCSPRequestDataType of OCPP."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from citrine.ocpp.v2.types_pb2 import CertificateHashData, HashAlgorithmEnum, OCSPRequestData

__all__ = ["CertId", "key_hash", "responder_of"]

_HASHES: Mapping[int, hashes.HashAlgorithm] = {
    HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA256: hashes.SHA256(),
    HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA384: hashes.SHA384(),
    HashAlgorithmEnum.HASH_ALGORITHM_ENUM_SHA512: hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class CertId:
    """A certificate by the hashes of its issuer and its serial number."""

    algorithm: str
    """"sha256", "sha384" or "sha512"."""
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int

    @classmethod
    def of(cls, data: CertificateHashData | OCSPRequestData) -> "CertId":
        """Return the certificate that the hash data of a station identifies.

        Raises:
            ValueError: When the data is malformed.
        """
        if data.hash_algorithm not in _HASHES:
            raise ValueError("the hash algorithm is not known")
        return cls(
            _HASHES[data.hash_algorithm].name,
            bytes.fromhex(data.issuer_name_hash),
            bytes.fromhex(data.issuer_key_hash),
            int(data.serial_number, 16),
        )

    @classmethod
    def issued(cls, certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "sha256") -> "CertId":
        """Return a certificate that `issuer` issued; for a root, both are the same."""
        request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _hash(algorithm)).build()
        return cls(algorithm, request.issuer_name_hash, request.issuer_key_hash, certificate.serial_number)

    def request(self) -> bytes:
        """Return the OCSP request about the certificate, in DER.

        Raises:
            ValueError: When the hashes do not have the length of the algorithm, or the serial number is not positive.
        """
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            self.issuer_name_hash, self.issuer_key_hash, self.serial_number, _hash(self.algorithm)
        )
        return builder.build().public_bytes(serialization.Encoding.DER)


def key_hash(certificate: x509.Certificate, algorithm: str) -> bytes:
    """Return the hash of a certificate's public key by OCSP: of the bits of the key alone.

    Args:
        certificate: The certificate.
        algorithm: One of `CertId`, or "sha1", by which responders are named.
    """
    # RFC 6960 says what is hashed: a request of OCSP about a certificate that it issued has just that.
    hashed = hashes.SHA1() if algorithm == "sha1" else _hash(algorithm)
    return ocsp.OCSPRequestBuilder().add_certificate(certificate, certificate, hashed).build().issuer_key_hash


def responder_of(certificate: x509.Certificate) -> str | None:
    """Return the URL of a certificate's OCSP responder; None if it names none."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return None
    found = (one for one in access if one.access_method == AuthorityInformationAccessOID.OCSP)
    return next((str(one.access_location.value) for one in found), None)


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    return next(one for one in _HASHES.values() if one.name == algorithm)
