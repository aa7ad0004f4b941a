"""A PKI for tests: certificate authorities, what they issue, and what they revoke."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

__all__ = ["ORGANIZATION", "Authority", "Certified", "Key", "Kind", "new_key"]

DAY = timedelta(days=1)

ORGANIZATION = "Citrine tests"
"""Organization of all subjects that ask for no other (A00.FR.509)."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Kind = Literal["ec", "rsa"]

_PEM = serialization.Encoding.PEM


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def new_key(kind: Kind = "ec") -> Key:
    """Return a private key. Those of RSA take long to make, so a process has one for all certificates."""
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else _rsa_key()


@dataclass(frozen=True)
class Certified:
    """A certificate with its key and the certificates above it, without the root."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> str:
        """The certificate and those above it."""
        return "".join(one.public_bytes(_PEM).decode() for one in (self.certificate, *self.above))

    @property
    def key_pem(self) -> str:
        """The key, not encrypted."""
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(_PEM, form, plain).decode()

    @property
    def der(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def sha256(self) -> bytes:
        """The fingerprint."""
        return self.certificate.fingerprint(hashes.SHA256())

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """Write NAME.pem, with the chain, and NAME.key; return their paths."""
        paths = directory / f"{name}.pem", directory / f"{name}.key"
        for path, text in zip(paths, (self.pem, self.key_pem), strict=True):
            path.write_text(text)
        return paths


@dataclass(frozen=True)
class Authority:
    """A certificate authority: a root, or one below another."""

    own: Certified
    is_root: bool = True
    _revoked: list[x509.RevokedCertificate] = field(default_factory=list)

    @classmethod
    def root(cls, name: str = "Root of tests", kind: Kind = "ec") -> "Authority":
        """Return a root."""
        key = new_key(kind)
        subject = _subject(name, ORGANIZATION)
        builder = _for_ca(_builder(subject, key, -DAY, 3650 * DAY)).issuer_name(subject)
        return cls(Certified(builder.sign(key, hashes.SHA256()), key))

    def below(self, name: str = "Sub-CA of tests", kind: Kind = "ec") -> "Authority":
        """Return an authority that this one vouches for."""
        key = new_key(kind)
        builder = _for_ca(_builder(_subject(name, ORGANIZATION), key, -DAY, 365 * DAY))
        return Authority(Certified(self._signed(builder), key, self._chain), is_root=False)

    @property
    def pem(self) -> str:
        """Its certificate, for those who trust it."""
        return self.own.certificate.public_bytes(_PEM).decode()

    @property
    def _chain(self) -> tuple[x509.Certificate, ...]:
        return () if self.is_root else (self.own.certificate, *self.own.above)

    def issue(
        self,
        name: str,
        *,
        kind: Kind = "ec",
        organization: str = ORGANIZATION,
        dns: Sequence[str] = (),
        addresses: Sequence[str] = (),
        since: timedelta = -DAY,
        until: timedelta = 30 * DAY,
    ) -> Certified:
        """Issue a certificate with a new key.

        Args:
            name: Common name.
            kind: Of its key.
            organization: Of its subject; empty: none.
            dns: Names in its subjectAltName.
            addresses: IP addresses there.
            since: When it becomes valid, from now.
            until: When it expires, from now.
        """
        key = new_key(kind)
        builder = _builder(_subject(name, organization), key, since, until)
        names = [*map(x509.DNSName, dns), *(x509.IPAddress(ip_address(one)) for one in addresses)]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return Certified(self._signed(_for_end_entity(builder)), key, self._chain)

    def server(self, kind: Kind = "ec", name: str = "localhost") -> Certified:
        """Issue a certificate for a server on the loopback interface."""
        return self.issue(name, kind=kind, dns=[name], addresses=["127.0.0.1"])

    def sign(self, csr: x509.CertificateSigningRequest, until: timedelta = 30 * DAY) -> list[x509.Certificate]:
        """Return what it certifies to a request: the certificate, and those above it without the root."""
        builder = _builder(csr.subject, csr.public_key(), -DAY, until)  # type: ignore[arg-type]  # any key that signs
        return [self._signed(_for_end_entity(builder)), *self._chain]

    def revoke(self, *certified: Certified) -> None:
        """Name certificates in each list from now on."""
        for one in certified:
            builder = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
            self._revoked.append(builder.revocation_date(datetime.now(UTC) - DAY).build())

    def revocation_list(self) -> str:
        """Return its certificate revocation list, in PEM."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.own.certificate.subject)
        builder = builder.last_update(now - DAY).next_update(now + DAY)
        for one in self._revoked:
            builder = builder.add_revoked_certificate(one)
        signed = builder.add_extension(self._key_identifier, critical=False).sign(self.own.key, hashes.SHA256())
        return signed.public_bytes(_PEM).decode()

    def _signed(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        builder = builder.issuer_name(self.own.certificate.subject).add_extension(self._key_identifier, critical=False)
        return builder.sign(self.own.key, hashes.SHA256())

    @property
    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.own.certificate.public_key())  # type: ignore[arg-type]  # ours


def _subject(name: str, organization: str) -> x509.Name:
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, key: Key | ec.EllipticCurvePublicKey | rsa.RSAPublicKey, since: timedelta, until: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    public = key.public_key() if isinstance(key, Key) else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _for_ca(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.add_extension(_usage(signs_certificates=True), critical=True)


def _for_end_entity(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.add_extension(_usage(signs_certificates=False), critical=True)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        # TLS_RSA_… suites encrypt with the key of the certificate.
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
