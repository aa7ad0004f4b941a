"""Certificates of stations of OCPP 1.6: their own by the security extensions, those of ISO 15118 over DataTransfer."""

from collections.abc import Mapping

from citrine_edge.dialects.exchanges import CallRefused
from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Json, Outcome, Step
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.plug_and_charge import ask_over_data_transfer

__all__ = ["certificate_signed", "delete_certificate", "get_installed_certificate_ids", "install_certificate"]

USES: Mapping[str, str] = {
    "CSMSRootCertificate": "CentralSystemRootCertificate",
    "ManufacturerRootCertificate": "ManufacturerRootCertificate",
}
"""Uses of certificates in 2.x and in the security whitepaper."""

PLUG_AND_CHARGE_USES = frozenset({"V2GRootCertificate", "MORootCertificate", "V2GCertificateChain"})
"""Uses of certificates that only Plug & Charge has."""


def certificate_signed(said: Fields) -> Dialogue:
    """Translate CertificateSigned."""
    chain, kind = said.pop("certificateChain"), said.pop("certificateType")
    said.end()
    if kind == "V2GCertificate":
        request = {"certificateChain": chain, "certificateType": kind}
        return (yield from ask_over_data_transfer("CertificateSigned", request))
    if kind not in (None, "ChargingStationCertificate"):
        raise said.refuse("certificateType", f"OCPP 1.6 has no {kind}")
    answer = yield Step("CertificateSigned", {"certificateChain": chain})
    return Outcome({"status": answer["status"]})


def install_certificate(said: Fields) -> Dialogue:
    """Translate InstallCertificate."""
    use, certificate = said.pop("certificateType"), said.pop("certificate")
    said.end()
    if use in PLUG_AND_CHARGE_USES:
        request = {"certificateType": use, "certificate": certificate}
        return (yield from ask_over_data_transfer("InstallCertificate", request))
    if use not in USES:
        raise said.refuse("certificateType", f"OCPP 1.6 has no {use}")
    answer = yield Step("InstallCertificate", {"certificateType": USES[use], "certificate": certificate})
    return Outcome({"status": answer["status"]})


def delete_certificate(said: Fields) -> Dialogue:
    """Translate DeleteCertificate: what the security extensions do not find may be a certificate of ISO 15118."""
    hash_data = said.pop("certificateHashData")
    said.end()
    try:
        answer = yield Step("DeleteCertificate", {"certificateHashData": hash_data})
    except CallRefused as refused:
        if not refused.is_unknown:
            raise
        return (yield from ask_over_data_transfer("DeleteCertificate", {"certificateHashData": hash_data}))
    response = {"status": answer["status"]}
    if answer["status"] == "NotFound":
        request = {"certificateHashData": hash_data}
        try:
            return (yield from ask_over_data_transfer("DeleteCertificate", request, response))
        except CallRefused:
            # It has no Plug & Charge.
            pass
    return Outcome(response)


def get_installed_certificate_ids(said: Fields) -> Dialogue:
    """Translate GetInstalledCertificateIds: a CALL for each use, and one for those of ISO 15118.

    Without uses, a station is asked for all; that it knows none of one kind is no error then.
    """
    asked = said.pop("certificateType") or []
    said.end()
    uses = asked or [*USES, *sorted(PLUG_AND_CHARGE_USES)]
    for use in uses:
        if use not in USES and use not in PLUG_AND_CHARGE_USES:
            raise said.refuse("certificateType", f"OCPP 1.6 has no {use}")
    chains: list[Json] = []
    refusal: CallRefused | None = None
    answers = 0
    for use in dict.fromkeys(use for use in uses if use in USES):
        try:
            answer = yield Step("GetInstalledCertificateIds", {"certificateType": USES[use]}, _found(chains, answers))
        except CallRefused as refused:
            refusal = refused
            continue
        answers += 1
        hashes = answer.get("certificateHashData", [])
        chains += [{"certificateType": use, "certificateHashData": each} for each in hashes]
    others = [use for use in uses if use in PLUG_AND_CHARGE_USES]
    if others:
        request = {"certificateType": others}
        try:
            said_of_them = yield from ask_over_data_transfer(
                "GetInstalledCertificateIds", request, _found(chains, answers)
            )
        except CallRefused as refused:
            refusal = refused
        else:
            answers += 1
            chains += said_of_them.response.get("certificateHashDataChain", [])
    if refusal is not None and (asked or not answers):
        raise refusal
    return Outcome(_found(chains, 1) or {})


def _found(chains: list[Json], answers: int) -> Json | None:
    if not answers:
        return None
    return {"status": "Accepted", "certificateHashDataChain": list(chains)} if chains else {"status": "NotFound"}
