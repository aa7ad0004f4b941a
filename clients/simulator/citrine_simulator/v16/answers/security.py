"""Certificates of the security whitepaper: those of authorities, and the station's own (A02 and M03 to M05)."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.answers.certificates import CertificateAnswers
from citrine_simulator.connection import Answer

__all__ = ["SecurityAnswers16"]


class SecurityAnswers16:
    """InstallCertificate, DeleteCertificate, GetInstalledCertificateIds and CertificateSigned."""

    def __init__(self, certificates: CertificateAnswers) -> None:
        self._certificates = certificates

    @answers("CertificateSigned")
    async def certificate_signed(self, payload: dict[str, Any]) -> Answer:
        """Use the station's new certificate from the next connection on."""
        answer = await self._certificates.certificate_signed(payload)
        return Answer({"status": answer.payload["status"]}, answer.then)

    @answers("InstallCertificate")
    async def install_certificate(self, payload: dict[str, Any]) -> Answer:
        """Store a certificate of an authority."""
        answer = await self._certificates.install_certificate(payload)
        return Answer({"status": answer.payload["status"]})

    @answers("DeleteCertificate")
    async def delete_certificate(self, payload: dict[str, Any]) -> Answer:
        """Remove a certificate."""
        return await self._certificates.delete_certificate(payload)

    @answers("GetInstalledCertificateIds")
    async def get_installed_certificate_ids(self, payload: dict[str, Any]) -> Answer:
        """Report the certificates of a type."""
        answer = await self._certificates.get_installed_certificate_ids({
            "certificateType": [payload["certificateType"]]
        })  # fmt: skip
        chain = answer.payload.get("certificateHashDataChain")
        if chain is None:
            return Answer({"status": "NotFound"})
        return Answer({"status": "Accepted", "certificateHashData": [one["certificateHashData"] for one in chain]})
