"""Checks of ISO 15118 contract certificates: a chain to a trusted root, no certificate of it revoked (C07)."""

import asyncio
import itertools
import logging
import re
from collections.abc import Collection, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID, NameOID

from citrine.ocpp.v2.authorization_pb2 import AuthorizeCertificateStatusEnum, AuthorizeRequest
from citrine_core.resources.ocsp import CertId, Ocsp, OcspStatus, responder_of

__all__ = ["ContractChecker", "read_roots"]

logger = logging.getLogger(__name__)

LONGEST_CHAIN = 6
"""Most certificates of a chain; ISO 15118 has three below the root."""

_Status = AuthorizeCertificateStatusEnum

_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

_KNOWN = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
"""Extensions that may be critical: they are checked here, or are irrelevant here."""


def read_roots(text: str) -> list[x509.Certificate]:
    """Return the certificates of a text in PEM; an empty list if one of them can't be read."""
    try:
        return [x509.load_pem_x509_certificate(block.encode()) for block in _PEM.findall(text)]
    except (ValueError, UnsupportedAlgorithm):
        return []


class _BadChainError(Exception):
    """A chain is invalid, expired or revoked."""

    def __init__(self, status: AuthorizeCertificateStatusEnum.ValueType, text: str) -> None:
        super().__init__(text)
        self.status = status


class ContractChecker:
    """Checks contracts.

    Args:
        ocsp: Returns whether certificates are revoked.
    """

    def __init__(self, ocsp: Ocsp) -> None:
        self._ocsp = ocsp

    async def check(self, request: AuthorizeRequest, roots: str, now: datetime, hosts: Collection[str] = ()) -> int:
        """Return the AuthorizeCertificateStatusEnum of the contract in a request.

        Accepted means that the certificates are valid, not that the token may charge. Waits for OCSP responders as
        long as `Ocsp` does.

        Args:
            request: With a certificate, or with hash data if the station verified the chain itself.
            roots: Root certificates that the tenant trusts, in PEM.
            now: The current time.
            hosts: Hosts of OCSP responders that stations and certificates may name although their addresses are
                private.
        """
        trusted = read_roots(roots)
        try:
            if request.HasField("certificate"):
                chain = read_roots(request.certificate)
                path = _path(chain, trusted, now)
                _check_owner(chain[0], request.id_token.id_token)
                asked = _certificates(path)
            else:
                asked = [(CertId.of(data), data.responder_url) for data in request.iso_15118_certificate_hash_data]
                path = list(trusted)
            await self._check_revocation(asked, path, now, hosts)
        except _BadChainError as error:
            logger.info("a contract is refused: %s", error)
            return error.status
        except (ValueError, UnsupportedAlgorithm) as error:
            logger.info("a contract can't be read: %s", type(error).__name__)
            return _Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR
        return _Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_ACCEPTED

    async def _check_revocation(
        self,
        asked: Sequence[tuple[CertId, str]],
        known: Sequence[x509.Certificate],
        now: datetime,
        hosts: Collection[str],
    ) -> None:
        statuses = await asyncio.gather(*(self._ocsp.status(one, url, known, now, hosts) for one, url in asked))
        if OcspStatus.REVOKED in statuses:
            # C07.FR.16
            raise _BadChainError(_Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERTIFICATE_REVOKED, "it is revoked")
        if not statuses or any(status is not OcspStatus.GOOD for status in statuses):
            # C07.FR.05, C07.FR.17: a certificate that can't be verified is not accepted.
            raise _BadChainError(
                _Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR, "its revocation status is not known"
            )


def _path(
    chain: Sequence[x509.Certificate], roots: Collection[x509.Certificate], now: datetime
) -> list[x509.Certificate]:
    """Return the certificates from the contract up to a root of the tenant, all checked except for revocation.

    Raises:
        _BadChainError: When there is no such path, or a certificate of it is not valid now.
    """
    if not 0 < len(chain) <= LONGEST_CHAIN:
        raise _BadChainError(_Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR, "there is no chain")
    path = [chain[0]]
    while path[-1] not in roots:
        issuer = _issuer(path, [*roots, *chain[1:]])
        if issuer is None or len(path) > LONGEST_CHAIN:
            raise _BadChainError(
                _Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR, "it leads to no trusted root"
            )
        path.append(issuer)
    for one in path:
        _check_extensions(one)
        if not one.not_valid_before_utc <= now:
            raise _BadChainError(_Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR, "it is not valid yet")
        if now > one.not_valid_after_utc:
            # C07.FR.15
            raise _BadChainError(_Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERTIFICATE_EXPIRED, "it has expired")
    return path


def _issuer(path: Sequence[x509.Certificate], candidates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    subject, depth = path[-1], len(path) - 1
    for one in candidates:
        if one in path or not _may_issue(one, depth):
            continue
        try:
            subject.verify_directly_issued_by(one)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return one
    return None


def _may_issue(issuer: x509.Certificate, depth: int) -> bool:
    """Return whether a certificate may issue others if `depth` CAs are below it."""
    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    try:
        signs = issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        signs = True
    return basic.ca and signs and (basic.path_length is None or basic.path_length >= depth)


def _check_extensions(certificate: x509.Certificate) -> None:
    if any(extension.critical and extension.oid not in _KNOWN for extension in certificate.extensions):
        raise _BadChainError(
            _Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR, "it has a critical extension that is not known"
        )


def _check_owner(leaf: x509.Certificate, emaid: str) -> None:
    """Refuse a contract whose common name is not the eMAID of the token."""
    names = {str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
    if _plain(emaid) not in map(_plain, names):
        raise _BadChainError(
            _Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR, "its eMAID is not that of the token"
        )


def _plain(emaid: str) -> str:
    return emaid.replace("-", "").replace("*", "").upper()


def _certificates(path: Sequence[x509.Certificate]) -> list[tuple[CertId, str]]:
    """Return the certificates to ask OCSP about, with their responders.

    They are the contract, and the CAs below the root that name a responder.
    """
    if responder_of(path[0]) is None:
        raise _BadChainError(_Status.AUTHORIZE_CERTIFICATE_STATUS_ENUM_CERT_CHAIN_ERROR, "it names no OCSP responder")
    pairs = itertools.pairwise(path)
    return [(CertId.issued(one, issuer), url) for one, issuer in pairs if (url := responder_of(one)) is not None]
