"""What a certificate authority is to the blocks that order certificates of stations."""

from dataclasses import dataclass
from typing import Protocol

from citrine.ocpp.v2.types_pb2 import CertificateHashData

__all__ = ["AuthorityUnavailable", "CertificateAuthority", "OrderRefused", "SigningRequest"]


class OrderRefused(Exception):
    """The authority refused a request; asking again would change nothing."""


class AuthorityUnavailable(Exception):
    """The authority could not be asked, or did not answer in time; a later attempt may succeed."""


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A checked request of a station for a certificate."""

    csr: str
    """PKCS #10, in PEM. Its signature was verified."""
    common_name: str
    """Common name of the certificate: the only identity that it may have."""
    organization: str
    """Organization of the certificate. Empty: none."""


class CertificateAuthority(Protocol):
    """Signs certificates of stations. Its private key is nowhere in this system's database.

    Authorities may be slow, and fail: `order` is called by a job, with a time limit, outside of any transaction, and
    again later if it raises AuthorityUnavailable.
    """

    async def order(self, request: SigningRequest) -> str:
        """Return the certificate and those of the authorities above it, in PEM, the certificate first.

        The root may be left out. Called again for a request whose answer was lost, it may sign a second time.

        Raises:
            OrderRefused: When the authority refuses the request for good.
            AuthorityUnavailable: When it can't be asked now.
        """
        ...

    def leads_to(self, root: CertificateHashData) -> bool:
        """Return whether its certificates lead to a root; True where it does not know its root."""
        ...
