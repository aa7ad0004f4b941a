"""Requests to OCSP responders whether certificates are revoked; answers are cached while they are valid."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from citrine_core.resources.ocsp.cert_ids import CertId
from citrine_core.resources.ocsp.responses import OcspStatus, read_response
from citrine_core.services import Services

__all__ = ["Ocsp", "OcspAnswer", "OcspStatus"]

logger = logging.getLogger(__name__)

TIMEOUT = 4.0
"""Seconds in which a responder must answer: an EV gives a station 5 (C07)."""

LARGEST_ANSWER = 64 * 1024

MOST_REMEMBERED = 10_000

MOST_BYTES = 16 * 1024 * 1024
"""Most bytes of all answers that are cached."""

_PROBLEMS = {TimeoutError: "it gave no answer in time", InvalidSignature: "its signature is not valid"}
"""What is wrong with an answer, by the error. Others: it can't be read."""

_HEADERS = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """What a responder said of a certificate."""

    status: OcspStatus
    until: datetime
    """When it must be asked again."""
    content: bytes
    """OCSPResponse in DER."""
    is_verified: bool
    """Whether its signature was found to be that of the certificate's issuer, or of whom the issuer chose."""


class Ocsp:
    """Asks OCSP responders, and caches their answers."""

    def __init__(self) -> None:
        self._answers: dict[tuple[CertId, str], OcspAnswer] = {}
        self._bytes = 0

    @classmethod
    def of(cls, services: Services) -> "Ocsp":
        """Return the client of this core; it is created on the first call."""
        found: Ocsp | None = services.shared.get(cls)
        if found is None:
            found = services.shared[cls] = cls()
        return found

    async def status(
        self,
        certificate: CertId,
        url: str,
        known: Sequence[x509.Certificate],
        now: datetime,
        hosts: Collection[str] | None,
    ) -> OcspStatus:
        """Return the verified status of a certificate: UNKNOWN, not an exception, if the responder fails.

        Args:
            certificate: The certificate to ask about.
            url: Its responder.
            known: Certificates that may have issued it. A certificate in the answer is trusted as the issuer if its
                key has the issuer key hash of `certificate`.
            now: The current time.
            hosts: Hosts that may be asked although their addresses are private. None: any.
        """
        answer = await self.ask(certificate, url, known, now, hosts, verify=True)
        return OcspStatus.UNKNOWN if answer is None else answer.status

    async def ask(
        self,
        certificate: CertId,
        url: str,
        known: Sequence[x509.Certificate],
        now: datetime,
        hosts: Collection[str] | None,
        *,
        verify: bool,
    ) -> OcspAnswer | None:
        """Return what a responder says of a certificate: None, not an exception, if it fails.

        Args:
            certificate: The certificate to ask about.
            url: Its responder.
            known: Certificates that may have issued it.
            now: The current time.
            hosts: Hosts that may be asked although their addresses are private. None: any.
            verify: Whether an answer counts only if it is verified. If not, it may also be one whose issuer is not
                known here; whoever gets the answer verifies it.
        """
        # Imported only where a responder is asked: the import takes time and memory.
        from citrine_core.outgoing_http import HttpFailed, post

        key = (certificate, url)
        remembered = self._answers.get(key)
        if remembered is not None and remembered.until > now and (remembered.is_verified or not verify):
            return remembered
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await post(url, certificate.request(), _HEADERS, largest=LARGEST_ANSWER, hosts=hosts)
            if answer.status != 200:
                raise HttpFailed(f"its status is {answer.status}")
            read = read_response(answer.body, certificate, known, now, verify=verify)
        except (HttpFailed, TimeoutError, ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
            reason = str(error) if isinstance(error, HttpFailed) else _PROBLEMS.get(type(error), "it can't be read")
            logger.warning("an OCSP responder gave no usable answer: %s", reason, extra={"url": url})
            return None
        found = OcspAnswer(read.status, read.until, answer.body, read.is_verified)
        self._remember(key, found)
        return found

    def _remember(self, key: tuple[CertId, str], answer: OcspAnswer) -> None:
        replaced = self._answers.pop(key, None)
        self._bytes += len(answer.content) - (len(replaced.content) if replaced is not None else 0)
        self._answers[key] = answer
        while len(self._answers) > MOST_REMEMBERED or self._bytes > MOST_BYTES:
            oldest = self._answers.pop(next(iter(self._answers)))
            self._bytes -= len(oldest.content)
