"""The page about OCPP 1.6, written from the tables of the dialect: what each message, key and status becomes."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from citrine.edge.v1.link_pb2 import ConnectorDetail
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.diagnostics_pb2 import UploadLogStatusEnum
from citrine.ocpp.v2.transactions_pb2 import ReasonEnum, TriggerReasonEnum
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
from citrine_edge.dialects.v16 import tables
from citrine_edge.dialects.v16.commands import REASONS, TRANSLATIONS
from citrine_edge.dialects.v16.configuration_keys import COMPONENT, KEYS, Key
from citrine_edge.dialects.v16.requests import REQUESTS

__all__ = ["DOCUMENT", "page"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "ocpp-1.6.md"

_HEAD = """# OCPP 1.6

Stations that speak OCPP 1.6 (edition 2 with its errata, and the security whitepaper) connect to the same port and
reach the same blocks as all others. The edge translates: clients see the messages of OCPP 2.x, and need to know
nothing of 1.6 but what a station can't do. This page says what becomes of what. `make docs` writes its tables from
those of the edge.

- A connector of 1.6 is connector 1 of the EVSE with its number. Connector 0, the station, is EVSE 0.
- A transaction's id is the number that Citrine gave it, in decimal digits.
- `citrine call` takes messages of 2.x. With `--native` it sends a message of 1.6 as it is (see below).
- `citrine messages` and the rpc `WatchMessages` show frames as they are on the wire.
- What 1.6 can't express is refused with its reason, `UNIMPLEMENTED` in gRPC, before anything is sent. Nothing is left
  out that would change what a command means.
- A station may speak 1.6 today and 2.0.1 tomorrow; it remains the same station.

```sh
export PATH="$PWD/.venv/bin:$PATH" CITRINE_TENANT=demo
citrine variable set DEMO-4 OCPPCommCtrlr.HeartbeatInterval=120
citrine call DEMO-4 GetConfiguration '{"key": ["HeartbeatInterval"]}' --native
citrine call DEMO-4 Reset '{"type": "OnIdle"}'
```
"""

_STATION_MESSAGES: Mapping[str, str] = {
    "Authorize": "Authorize. An idTag has no type: it is looked for among the tokens of all types",
    "BootNotification": "BootNotification, with the reason Unknown; numbers of the meter and the box are customData",
    "DataTransfer": "DataTransfer",
    "DiagnosticsStatusNotification": "LogStatusNotification, without a requestId",
    "FirmwareStatusNotification": "FirmwareStatusNotification, without a requestId",
    "Heartbeat": "Heartbeat",
    "LogStatusNotification": "LogStatusNotification",
    "MeterValues": "TransactionEvent Updated with a transactionId above 0, else MeterValues",
    "SecurityEventNotification": "SecurityEventNotification",
    "SignCertificate": "SignCertificate of the station's own certificate",
    "SignedFirmwareStatusNotification": "FirmwareStatusNotification",
    "StartTransaction": "TransactionEvent Started; meterStart is a reading of the register (Transaction.Begin)",
    "StatusNotification": "StatusNotification with the finer state beside it; an errorCode is a NotifyEvent, too",
    "StopTransaction": "TransactionEvent Ended; meterStop and transactionData are readings",
}

_COMMANDS: Mapping[str, str] = {
    "CancelReservation": "CancelReservation",
    "CertificateSigned": "CertificateSigned; for a vehicle's certificate a DataTransfer (Plug & Charge)",
    "ChangeAvailability": "ChangeAvailability, of connector 0 for the station",
    "ClearCache": "ClearCache",
    "ClearChargingProfile": "ClearChargingProfile",
    "CostUpdated": "DataTransfer RunningCost of `org.openchargealliance.costmsg`",
    "DataTransfer": "DataTransfer; data that is no text goes as JSON",
    "DeleteCertificate": "DeleteCertificate, then DataTransfer for those of Plug & Charge",
    "GetBaseReport": "GetConfiguration of all keys; NotifyReports follow as of any station. No SummaryInventory",
    "GetCompositeSchedule": "GetCompositeSchedule",
    "GetInstalledCertificateIds": "GetInstalledCertificateIds, one for each type; DataTransfer for Plug & Charge",
    "GetLocalListVersion": "GetLocalListVersion; −1 is a station without lists",
    "GetLog": "GetLog; where a station does not know it, GetDiagnostics for a diagnostics log",
    "GetReport": "GetConfiguration of all keys, of which those asked for are reported. No criteria",
    "GetVariables": "GetConfiguration, as many keys at a time as GetConfigurationMaxKeys allows",
    "InstallCertificate": "InstallCertificate; for roots of Plug & Charge a DataTransfer",
    "RequestStartTransaction": "RemoteStartTransaction. Long tokens go as a surrogate idTag of 20 characters",
    "RequestStopTransaction": "RemoteStopTransaction",
    "ReserveNow": "ReserveNow, of connector 0 without an EVSE; a group token is the parentIdTag",
    "Reset": "Reset: Immediate is Hard, OnIdle is Soft, which ends transactions. No EVSE alone",
    "SendLocalList": "SendLocalList; a token that is accepted at some EVSEs only is left to be asked for",
    "SetChargingProfile": "SetChargingProfile with one schedule; limits are rounded down to one decimal",
    "SetVariables": "ChangeConfiguration, one for each variable, in their order",
    "TriggerMessage": "TriggerMessage, or ExtendedTriggerMessage where the message needs it",
    "UnlockConnector": "UnlockConnector; NotSupported is UnlockFailed with that reason",
    "UpdateFirmware": "SignedUpdateFirmware with a signing certificate, else UpdateFirmware",
}

_LIMITS = """
## What differs for an operator

- **Order and gaps.** Events have no numbers: they are ordered by time, and whether one is missing is not known
  (`unnumbered` of a transaction). Its station is not asked for what it has queued.
- **Charging states** follow from the statuses of the connector while a transaction is under way. Those that arrive
  before the start of their transaction wait for it.
- **Registration.** What a station that is Rejected, or is Pending and was accepted before, says of transactions is
  stored and answered. All else is refused, but what a Pending station was asked for
  ([ADR 45](adr/0045-what-is-billed-is-not-refused-merged-or-forgotten.md)).
- **Versions.** A station that offers several and is pinned to one of them (`citrine station update
  --allow-version`) speaks that one.
- **Open transactions.** One whose end is lost is over with the next start on its connector, or once that is Available.
  An end that belongs to no transaction of its station is answered, changes nothing, and is listed: `citrine transaction
  unmatched` ([ADR 37](adr/0037-what-a-version-does-not-say.md)).
- **Tokens.** An idTag has no type: one is looked for among all. It has 20 characters at most: longer tokens are told to
  the station as a surrogate, which Citrine resolves wherever it comes back. A card of ten bytes that was typed with
  separators goes as its 20 digits.
- **Passwords.** `citrine station` and the API set the password as ever; it goes as AuthorizationKey, the hexadecimal
  text of 16 to 20 characters. Stations that take the hexadecimal text itself for the password may log in with it.
- **Inventories.** `NumberOfConnectors` also says which EVSEs there are (`EVSE.Available`), and
  `CustomDisplayCostAndPrice` whether drivers can be told prices and costs (`TariffCostCtrlr.Available`).
- **Prices and costs** follow the answers that can't say them, as DataTransfer of `org.openchargealliance.costmsg`:
  SetUserPrice after Authorize and StartTransaction, RunningCost after MeterValues, FinalCost after StopTransaction. A
  station that does not know them is sent no more of them until it connects again. RunningCost says the state, the
  register, and when the price may change by the tariff (`triggerMeterValue`: a time, an energy, a power, statuses), so
  that the station sends a reading then. Custom data of that vendor in CostUpdated is sent along.
- **Plug & Charge** is messages of 2.0.1 in DataTransfer of `org.openchargealliance.iso15118pnc`, in both directions:
  Authorize, Get15118EVCertificate, GetCertificateStatus and SignCertificate from stations.
- **Security profiles** are raised by the key `SecurityProfile`, also by `citrine station upgrade-profile`; the URL
  stays as it is.
- **Orders of commands.** A command that becomes several CALLs says what the station answered before one of them
  failed.
- **Refused by name** are the commands above that have no counterpart, and properties of the others that 1.6 does not
  have: the error names the property.
"""


def page() -> str:
    """Return the page as it should be."""
    return "".join((_HEAD, *_sections(), _LIMITS))


def _sections() -> Iterator[str]:
    yield "\n## Commands to stations\n\n"
    yield _table(("command of OCPP 2.x", "in OCPP 1.6"), ((name, _COMMANDS[name]) for name in sorted(TRANSLATIONS)))
    yield "\n## Commands that 1.6 does not have\n\n"
    yield _table(("command of OCPP 2.x", "why it is refused"), sorted(REASONS.items()))
    yield "\n## Messages of stations\n\n"
    yield _table(("message of OCPP 1.6", "in OCPP 2.x"), ((name, _STATION_MESSAGES[name]) for name in sorted(REQUESTS)))
    yield "\n## Configuration keys\n\n"
    yield (
        "They are variables of the device model: GetVariables, SetVariables, reports, configurations and drift work\n"
        f"on them. Every other key, also of vendors, is the variable of its name of the component `{COMPONENT}`.\n\n"
    )
    yield _table(("key", "variable", "type", "note"), (_key(key) for key in KEYS))
    yield "\n## Statuses and reasons\n\n"
    yield _table(("status of a connector", "in OCPP 2.x", "finer state"), _statuses())
    yield "\n"
    yield _table(("reason of a stop", "stoppedReason", "triggerReason"), _reasons())
    yield "\n"
    yield _table(("status of a token in OCPP 2.x", "in an idTagInfo"), _token_statuses())
    yield "\n"
    yield _table(
        ("status of diagnostics", "in OCPP 2.x"),
        ((one, spelling_of(UploadLogStatusEnum, ours)) for one, ours in tables.DIAGNOSTICS_STATUSES.items()),
    )


def _key(key: Key) -> tuple[str, ...]:
    variable = key.variable
    instance = f"[{variable.instance}]" if variable.instance else ""
    notes = []
    if key.unit:
        notes.append(key.unit)
    if key.is_limit:
        notes.append(f"its maxLimit; the value is also a variable of {COMPONENT}")
    if key.is_secret:
        notes.append("write-only, as hexadecimal text")
    notes += [f"{theirs} is {ours}" for theirs, ours in key.values.items()]
    return key.name, f"`{variable.component}.{variable.name}{instance}`", key.data_type, ", ".join(notes)


def _statuses() -> Iterator[tuple[str, ...]]:
    for theirs, ours in tables.CONNECTOR_STATUSES.items():
        state = tables.CONNECTOR_STATES.get(theirs)
        name = "" if state is None else ConnectorDetail.State.Name(state).removeprefix("STATE_")  # type: ignore[arg-type]
        yield theirs, spelling_of(ConnectorStatusEnum, ours), name


def _reasons() -> Iterator[tuple[str, ...]]:
    for theirs, ours in tables.REASONS.items():
        yield theirs, spelling_of(ReasonEnum, ours), spelling_of(TriggerReasonEnum, tables.TRIGGERS[theirs])


def _token_statuses() -> Iterator[tuple[str, ...]]:
    for ours, theirs in tables.TOKEN_STATUSES.items():
        yield spelling_of(AuthorizationStatusEnum, ours), theirs


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
