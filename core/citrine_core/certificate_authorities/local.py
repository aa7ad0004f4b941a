"""An authority whose certificate and key are files of the core: for development, tests and small installations."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from citrine.ocpp.v2.types_pb2 import CertificateHashData
from citrine_core.certificate_authorities.interface import AuthorityUnavailable, OrderRefused, SigningRequest
from citrine_core.resources.certificate_store.parsing import hash_data_of, is_authority, read_certificates

__all__ = ["LocalAuthority"]

BACKDATED = timedelta(hours=1)
"""How long before its order a certificate becomes valid, for stations whose clock is behind."""

_Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class LocalAuthority:
    """Signs by itself. The files are read anew for each order, so that they can be replaced while the core runs.

    Args:
        certificate_file: Certificate of the authority in PEM, and those above it.
        key_file: Its private key in PEM, not encrypted.
        lifetime: How long certificates are valid.
        clock: Returns the current time.

    Raises:
        ValueError: When the files can't be read, or are not of an authority.
    """

    def __init__(
        self, certificate_file: Path, key_file: Path, lifetime: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._certificate_file = certificate_file
        self._key_file = key_file
        self._lifetime = lifetime
        self._clock = clock
        chain, _ = self._read()
        self._root = chain[-1]

    async def order(self, request: SigningRequest) -> str:
        """Sign a request."""
        return await asyncio.to_thread(self._sign, request)

    def leads_to(self, root: CertificateHashData) -> bool:
        """Return whether the last certificate of the file is a root."""
        return root.hash_algorithm != 0 and _plain(hash_data_of(self._root, self._root, root.hash_algorithm)) == _plain(
            root
        )

    def _sign(self, request: SigningRequest) -> str:
        try:
            chain, key = self._read()
        except ValueError as error:
            raise AuthorityUnavailable(str(error)) from error
        csr = x509.load_pem_x509_csr(request.csr.encode())
        public = csr.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise OrderRefused("the key is neither of RSA nor of an elliptic curve")
        now, issuer = self._clock(), chain[0]
        if issuer.not_valid_after_utc <= now:
            raise AuthorityUnavailable("the certificate of the local authority has expired")
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(request))
            .issuer_name(issuer.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(now - BACKDATED, issuer.not_valid_before_utc))
            .not_valid_after(min(now + self._lifetime, issuer.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            # A00.FR.512; there is no extended key usage because of A00.FR.514.
            .add_extension(_usage(encrypts=isinstance(public, rsa.RSAPublicKey)), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(_identifier(issuer), critical=False)
        )
        # A00.FR.505: RSA-PSS or ECDSA.
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        signed = builder.sign(key, hashes.SHA256(), rsa_padding=scheme if isinstance(key, rsa.RSAPrivateKey) else None)
        return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in (signed, *chain))

    def _read(self) -> tuple[list[x509.Certificate], _Key]:
        """Return the certificates, the authority's first, and its key.

        Raises:
            ValueError: When the files can't be read, or are not of an authority.
        """
        try:
            chain = read_certificates(self._certificate_file.read_text(encoding="ascii"))
            key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        except OSError as error:
            raise ValueError(f"{error.filename} can't be read: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            name = f"{self._certificate_file} and {self._key_file}"
            raise ValueError(
                f"{name} are not a certificate and its key, which must not be encrypted, in PEM"
            ) from error
        if not chain or not is_authority(chain[0]):
            raise ValueError(f"{self._certificate_file} does not begin with the certificate of an authority")
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError(f"{self._key_file} is a key neither of RSA nor of an elliptic curve")
        if key.public_key() != chain[0].public_key():
            raise ValueError(f"{self._key_file} is not the key of the first certificate of {self._certificate_file}")
        return chain, key


def _subject(request: SigningRequest) -> x509.Name:
    owner = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, request.organization)] if request.organization else []
    return x509.Name([*owner, x509.NameAttribute(NameOID.COMMON_NAME, request.common_name)])


def _usage(*, encrypts: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        # TLS_RSA_… suites encrypt with the key of the certificate.
        key_encipherment=encrypts,
        data_encipherment=False,
        # ISO 15118-2 demands ECDH of the key of an SECC.
        key_agreement=not encrypts,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]  # signs
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)


def _plain(data: CertificateHashData) -> tuple[str, str, str]:
    """Return the hashes and the serial number, whose spelling stations choose."""
    serial_number = data.serial_number.lower().lstrip("0")
    return data.issuer_name_hash.lower(), data.issuer_key_hash.lower(), serial_number
