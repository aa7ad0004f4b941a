"""No column and no field that may have the id of a person is forgotten: new ones are found by the metadata."""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from sqlalchemy import Column, LargeBinary, String, insert

from citrine.edge.v1.link_pb2 import Answer, Downstream, StationCall
from citrine.ocpp.actions import wrap_request, wrap_response
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferResponse
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.db import UnitOfWorkFactory
from citrine_core.db.tables import metadata, own_tables
from citrine_core.resources.persons.contents import content_of
from citrine_core.resources.persons.export import export_rows
from citrine_core.resources.persons.fields import kind_of_field
from citrine_core.resources.persons.places import Place, places
from citrine_core.resources.persons.pseudonyms import Identity, Person

TOKEN = IdToken(id_token="1250", type="KeyCode")
CARD = "04A2B3C8D1E2F3"
PIN = "1250"
PERSON = Person([Identity(CARD, "ghjkmnpqrstvwx"), Identity(PIN, "ghjkmnpqrstvwxyz")])

TEXTS = frozenset(
    {"reason", "tech_info", "description", "problem", "actual_value", "attribute_value", "content", "info"}
)

OTHER_COLUMNS: Mapping[str, str] = {
    "names something else": """action actions assignment_id campaign_id chain_id claim_id command_id component
        component_instance configuration_id core_id currency edge_id erasure_id event_type group_name issuer key_file
        key_id kind kinds language location_id message_id method model name_key operation_id order_id organization
        outcome party_id record_id replaced_by reported_id rule_id scopes second_language roles source station_currency
        station_group station_id tariff_id tenant_id time_zone transaction_id type id_token_type group_id_token_type
        stop_id_token_type uid unit unknown_tenant_id upgrade_id variable variable_instance vendor vendor_id vendor_name
        firmware_version version_after version_before country country_code status code error_code path remedies
        filename remote_location previous_priority offered traceparent idempotency_key""",
    "is an amount or a count": """accrual after_tax anomalies before_tax breakdown final_counts max_cost prepaid quotas
        register_state replaced_after_tax replaced_before_tax told_total characteristics monitor""",
    "is of a certificate, a key or a digest": """authorizer_ca_certificates certificate certificate_name
        certificate_sha256 chain checksum common_name content_key csr csr_digest digest fingerprint hash
        issuer_key_hash issuer_name_hash pem previous_hash public_key sent_digest serial_number sha256 start_digest
        installed_certificates.content client_certificates.subject installed_certificates.subject
        stored_certificates.subject ocsp_hosts""",
    "is encrypted, or a secret that was hashed": """authorizer_credential next_password_hash password_hash secret_action
        secret_answer secret_hash secret_location secret_payload""",
    "is of who operates stations, or of the network": """acknowledged_by address allowed_versions author
        authorizer_address caller_id caller_name created_by display_name label_digest label_key label_value
        labels_digest remote_address requested_by set_by station_labels""",
    "is said of stations, tariffs and sites by those who operate them": """asked_profile connection_data hardware
        location_evses.content definition plan profile published rules sent""",
    "is a number that the caller chose": "reference",
    "is replaced in the audit": "audit_records.object audit_records.request",
    "is what erasures have to know": "erasures.ids erasures.lookups erasures.pseudonyms erasures.table_name "
    "erasures.after_key erasures.waits_for",
}
"""Columns in which no id of a person may stand, by the reason: of one table, or of any."""


def test_each_column_of_texts_is_erased_or_has_a_reason_not_to_be() -> None:
    found = {place.name: place.contents.keys() for place in places()}
    exempt = {name for names in OTHER_COLUMNS.values() for name in names.split()}

    columns = {
        f"{name}.{column.name}"
        for name in own_tables()
        for column in metadata().tables[name].columns
        if "tenant_id" in metadata().tables[name].columns and isinstance(column.type, String | LargeBinary)
    }

    erased = {f"{name}.{column}" for name, contents in found.items() for column in contents}
    forgotten = {one for one in columns - erased if one not in exempt and one.partition(".")[2] not in exempt}
    assert forgotten == set()
    assert erased & exempt == set()


def test_each_field_of_the_contract_that_is_called_like_an_id_of_a_person_is_one() -> None:
    """Or is known to be something else."""
    exempt = re.compile(r"page_token|id_token_prefix|from_token|known_token_types|Event\.token|contract_roots")
    called = re.compile(r"token|emaid|contract|visual_number|customer_id|(?<!station_)group_ids?$|group_id$")

    found = {
        field.full_name
        for message in _messages()
        for field in message.fields
        if field.type == FieldDescriptor.TYPE_STRING and called.search(field.name) and kind_of_field(field) is None
    }

    assert {one for one in found if not exempt.search(one)} == set()


async def test_an_id_is_erased_from_each_column_and_its_row_is_exported(unit_of_work: UnitOfWorkFactory) -> None:
    """Whatever the column holds; and of a PIN, that may be an amount elsewhere, what has nothing else in it."""
    async with unit_of_work() as work:
        for table in metadata().sorted_tables:
            if table.name in {place.name for place in places()} | {"stations"}:
                await work.session.execute(insert(table).values(_row(table.name)))
        await work.commit()

    exported = {kind async for kind, _ in export_rows(unit_of_work, "default", PERSON)}
    assert exported == {place.name for place in places()}

    left = set()
    for place in places():
        async with unit_of_work() as work:
            [row] = await place.read(work.session, "default", "", 10)
            changed = place.replaced(row, PERSON)
            assert changed.keys() == place.contents.keys()
            await place.change(work.session, row, changed)
            await work.commit()
        async with unit_of_work(read_only=True) as work:
            [row] = await place.read(work.session, "default", "", 10)
            if place.replaced(row, PERSON) or CARD in str(row):
                left.add(place.name)
    assert left == set()


def _row(table: str) -> dict[str, Any]:
    columns = metadata().tables[table].columns
    place = next((place for place in places() if place.name == table), None)
    return {
        one.name: _value(table, one, place)
        for one in columns
        if one.name in (place.contents if place else ()) or not (one.nullable or one.server_default)
    }


def _value(table: str, column: Column[Any], place: Place | None) -> Any:
    kind = column.type.python_type
    if column.name == "tenant_id":
        return "default"
    if place is not None and column.name in place.contents:
        return _named(f"{table}.{column.name}", kind)
    if column.name == "method":
        return "/citrine.api.v1.TokensService/CreateToken"
    values: Mapping[type, Any] = {str: "x", bytes: b"x", bool: False, int: 1, float: 1.0}
    return values.get(kind) if kind in values else datetime.now(UTC)


def _named(column: str, kind: type) -> Any:
    """Return a content of a column that names the person."""
    table, _, name = column.partition(".")
    contents = {
        "poisoned_messages.content": StationCall(id=1, request=wrap_request(AuthorizeRequest(id_token=TOKEN))),
        "handled_messages.reply": wrap_response(DataTransferResponse(data=Value(string_value=CARD))),
        "answered_calls.answer": Downstream(
            answer=Answer(response=wrap_response(DataTransferResponse(data=Value(string_value=CARD))))
        ),
    }
    if column in contents:
        return contents[column].SerializeToString()
    # Any: only contents that are messages have a type.
    content: Any = content_of(table, name)
    if hasattr(content, "type_of"):
        message = content.type_of(b"", "citrine.api.v1.TokensService/CreateToken" if content.by == "method" else 1)()
        assert _fill(message, ()), column
        return (b"\x02" if table == "samples" else b"") + message.SerializeToString()
    if kind is bytes:
        return b"\x0a\x0e" + CARD.encode()
    texts = {
        "subject": f"|1|ISO14443|{PIN}",
        "group_ids": f'["{PIN}"]',
        **dict.fromkeys(("surrogate", "master_pass_group_id", "contract_id", "contract_lookup", "visual_number"), CARD),
        **dict.fromkeys(("id_token", "id_token_lookup", "stop_id_token", "lookup", "group_id", "group_id_token"), PIN),
        # Cut.
        **dict.fromkeys(("payload", "response", "last_frame"), f'[{{"idToken":{{"idToken":"{PIN}"}},"data":"of {CARD}'),
    }
    return texts.get(name, f"of {CARD}")


def _fill(message: Message, within: tuple[str, ...]) -> bool:
    """Name the person in each field of a message that may do so; return whether there is one."""
    found = False
    # Any: the descriptors of upb have the same fields as those of Python.
    fields: Any = message.DESCRIPTOR.fields
    for field in fields:
        within_itself = len(within) > 4 or (field.message_type and field.message_type.full_name in within)
        if within_itself or (field.containing_oneof and message.WhichOneof(field.containing_oneof.name)):
            continue
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            value = getattr(message, field.name)
            one = value.add() if field.is_repeated else value
            if isinstance(one, Struct):
                one.update({"card": CARD, "tags": [{"idTag": PIN}]})
            elif not _fill(one, (*within, field.message_type.full_name)):
                message.ClearField(field.name)
                continue
            found = True
        elif field.type == FieldDescriptor.TYPE_STRING:
            text = PIN if kind_of_field(field) else f"of {CARD}" if field.name in TEXTS else ""
            if text and field.is_repeated:
                getattr(message, field.name).append(text)
            elif text:
                setattr(message, field.name, text)
            found |= bool(text)
    return found


def _messages() -> Iterator[Descriptor]:
    pool = descriptor_pool.Default()
    names = {name for name in sys.modules if name.startswith("citrine.") and name.endswith("_pb2")}
    files = (pool.FindFileByName(name.removesuffix("_pb2").replace(".", "/") + ".proto") for name in names)
    return (message for file in files for message in file.message_types_by_name.values())
