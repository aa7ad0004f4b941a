"""Commands to stations of OCPP 1.6: canonical requests become CALLs, and the answers the canonical response."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from citrine.ocpp import codec
from citrine.ocpp.actions import action_of
from citrine_edge.dialects.dialect import UnsupportedAction
from citrine_edge.dialects.exchanges import CommandExchange
from citrine_edge.dialects.mechanical import as_rpc_error
from citrine_edge.dialects.v16.commands import (
    authorization,
    certificates,
    charging_profiles,
    configuration,
    control,
    data_transfer,
    files,
    reports,
)
from citrine_edge.dialects.v16.commands.dialogue import Dialogue, DialogueExchange
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.dialects.v16.commands.native import NATIVE_ACTIONS, NativeExchange
from citrine_edge.ocppj import Schemas

__all__ = ["REASONS", "TRANSLATIONS", "CsmsCommands"]

TRANSLATIONS: Mapping[str, Callable[[Fields], Dialogue]] = {
    "CancelReservation": authorization.cancel_reservation,
    "CertificateSigned": certificates.certificate_signed,
    "ChangeAvailability": control.change_availability,
    "ClearCache": control.clear_cache,
    "ClearChargingProfile": charging_profiles.clear_charging_profile,
    "CostUpdated": data_transfer.cost_updated,
    "DataTransfer": data_transfer.data_transfer,
    "DeleteCertificate": certificates.delete_certificate,
    "GetBaseReport": reports.get_base_report,
    "GetCompositeSchedule": charging_profiles.get_composite_schedule,
    "GetInstalledCertificateIds": certificates.get_installed_certificate_ids,
    "GetLocalListVersion": authorization.get_local_list_version,
    "GetLog": files.get_log,
    "GetReport": reports.get_report,
    "GetVariables": configuration.get_variables,
    "InstallCertificate": certificates.install_certificate,
    "RequestStartTransaction": control.request_start_transaction,
    "RequestStopTransaction": control.request_stop_transaction,
    "ReserveNow": authorization.reserve_now,
    "Reset": control.reset,
    "SendLocalList": authorization.send_local_list,
    "SetChargingProfile": charging_profiles.set_charging_profile,
    "SetVariables": configuration.set_variables,
    "TriggerMessage": control.trigger_message,
    "UnlockConnector": control.unlock_connector,
    "UpdateFirmware": files.update_firmware,
}
"""Canonical requests, by their action, that OCPP 1.6 can express."""

_NO_MONITORS = "OCPP 1.6 monitors no variables"
_NO_DISPLAY = "OCPP 1.6 stores no messages for displays"
_NO_DER = "OCPP 1.6 controls no distributed energy resources"
_NO_STREAMS = "OCPP 1.6 has no event streams"
_NO_TARIFFS = "OCPP 1.6 stores no tariffs"

REASONS: Mapping[str, str] = {
    "AFRRSignal": "OCPP 1.6 has no frequency regulation",
    "AdjustPeriodicEventStream": _NO_STREAMS,
    "ChangeTransactionTariff": _NO_TARIFFS,
    "ClearDERControl": _NO_DER,
    "ClearDisplayMessage": _NO_DISPLAY,
    "ClearTariffs": _NO_TARIFFS,
    "ClearVariableMonitoring": _NO_MONITORS,
    "CustomerInformation": "stations of OCPP 1.6 report and clear no data of customers",
    "GetChargingProfiles": "stations of OCPP 1.6 do not report their charging profiles",
    "GetDERControl": _NO_DER,
    "GetDisplayMessages": _NO_DISPLAY,
    "GetMonitoringReport": _NO_MONITORS,
    "GetPeriodicEventStream": _NO_STREAMS,
    "GetTariffs": _NO_TARIFFS,
    "GetTransactionStatus": "stations of OCPP 1.6 do not say what messages they have queued",
    "NotifyAllowedEnergyTransfer": "OCPP 1.6 names no kinds of energy transfer",
    "NotifyWebPaymentStarted": "OCPP 1.6 has no payments on the web",
    "PublishFirmware": "OCPP 1.6 has no local controllers that publish firmware",
    "RequestBatterySwap": "OCPP 1.6 swaps no batteries",
    "SetDERControl": _NO_DER,
    "SetDefaultTariff": _NO_TARIFFS,
    "SetDisplayMessage": _NO_DISPLAY,
    "SetMonitoringBase": _NO_MONITORS,
    "SetMonitoringLevel": _NO_MONITORS,
    "SetNetworkProfile": "OCPP 1.6 has no network connection profiles",
    "SetVariableMonitoring": _NO_MONITORS,
    "UnpublishFirmware": "OCPP 1.6 has no local controllers that publish firmware",
    "UpdateDynamicSchedule": "OCPP 1.6 has no dynamic charging profiles",
    "UsePriorityCharging": "OCPP 1.6 has no priority charging",
}
"""Why OCPP 1.6 can't express the other requests of the CSMS."""


class CsmsCommands:
    """The half of the dialect that sends."""

    def __init__(self, schemas: Schemas) -> None:
        self._command_schemas = schemas
        # The canonical messages are those of 2.1: a request must be one before it is translated.
        self._canonical_schemas = Schemas("v21")

    def command(self, request: Message) -> CommandExchange:
        """Return the exchange of a canonical request to a station: see `Dialect`."""
        action = action_of(request)
        translate = TRANSLATIONS.get(action.name)
        if translate is None:
            raise UnsupportedAction(action.name, REASONS.get(action.name, ""))
        try:
            payload = codec.encode(request, exact=False, complete=True)
        except codec.CodecError as error:
            raise as_rpc_error(error) from None
        canonical = self._canonical_schemas
        said = Fields(action.name, canonical.request(action.name).check(payload))
        return DialogueExchange(action, translate(said), self._command_schemas, canonical)

    def native_command(self, name: str, payload: Any) -> CommandExchange:
        """Return the exchange of a CALL whose payload is already in the JSON of this version: see `Dialect`."""
        if name not in NATIVE_ACTIONS:
            raise UnsupportedAction(name)
        return NativeExchange(name, payload, self._command_schemas)
