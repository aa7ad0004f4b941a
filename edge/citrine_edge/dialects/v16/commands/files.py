"""Files that stations of OCPP 1.6 upload and download: logs, diagnostics, and firmware."""

from citrine_edge.dialects.exchanges import CallRefused
from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Outcome, Step, status_info
from citrine_edge.dialects.v16.commands.fields import Fields

__all__ = ["get_log", "update_firmware"]

_RETRIES = {"retries": "retries", "retryInterval": "retryInterval"}


def get_log(said: Fields) -> Dialogue:
    """Translate GetLog; a station without the security extensions is asked for its diagnostics instead.

    GetDiagnostics has no security log, and its answer no status: a station with nothing to upload names no file
    (edition 2, 5.9).
    """
    kind, log = said.pop("logType"), said.pop_fields("log")
    assert log is not None, "the schema requires it"
    if kind not in ("DiagnosticsLog", "SecurityLog"):
        raise said.refuse("logType", f"OCPP 1.6 has no {kind}")
    request_id, retries = said.pop("requestId"), said.copy(_RETRIES)
    said.end()
    parameters = log.copy(
        {
            "remoteLocation": "remoteLocation",
            "oldestTimestamp": "oldestTimestamp",
            "latestTimestamp": "latestTimestamp",
        }
    )
    log.end()
    try:
        answer = yield Step("GetLog", {"logType": kind, "requestId": request_id, "log": parameters, **retries})
    except CallRefused as refused:
        if kind != "DiagnosticsLog" or not refused.is_unknown:
            raise
    else:
        return Outcome({name: answer[name] for name in ("status", "filename") if name in answer})
    names = {"remoteLocation": "location", "oldestTimestamp": "startTime", "latestTimestamp": "stopTime"}
    about = {names[name]: value for name, value in parameters.items()}
    answer = yield Step("GetDiagnostics", {**about, **retries})
    if not answer.get("fileName"):
        return Outcome({"status": "Rejected", **status_info("NoFile", "the station has no diagnostics to upload")})
    return Outcome({"status": "Accepted", "filename": answer["fileName"]})


def update_firmware(said: Fields) -> Dialogue:
    """Translate UpdateFirmware: as SignedUpdateFirmware where there is a signing certificate, else as UpdateFirmware.

    Signed firmware is never sent as unsigned, so a station without the security extensions refuses it.
    """
    request_id, retries = said.pop("requestId"), said.copy(_RETRIES)
    firmware = said.pop_fields("firmware")
    assert firmware is not None, "the schema requires it"
    said.end()
    if "signingCertificate" in firmware or "signature" in firmware:
        names = ("location", "retrieveDateTime", "installDateTime", "signingCertificate", "signature")
        signed = firmware.copy({name: name for name in names})
        firmware.end()
        answer = yield Step("SignedUpdateFirmware", {"requestId": request_id, "firmware": signed, **retries})
        return Outcome({"status": answer["status"]})
    payload = firmware.copy({"location": "location", "retrieveDateTime": "retrieveDate"})
    if "installDateTime" in firmware:
        raise firmware.refuse("installDateTime", "OCPP 1.6 says when to install only of signed firmware")
    firmware.end()
    yield Step("UpdateFirmware", {**payload, **retries})
    return Outcome({"status": "Accepted"})
