"""The generator keeps every number, whatever happens to the schemas."""

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import generate_ocpp

OPTIONS = "citrine/ocpp/v2/options.proto"
TRANSACTIONS = "citrine/ocpp/v2/transactions.proto"
TYPES = "citrine/ocpp/v2/types.proto"

Schemas = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture
def schemas() -> Schemas:
    return {version: dict(each) for version, each in copy.deepcopy(generate_ocpp.load_schemas()).items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the committed proto files."""
    folder = tmp_path / "citrine" / "ocpp" / "v2"
    folder.mkdir(parents=True)
    for path in (generate_ocpp.ROOT / "citrine" / "ocpp" / "v2").glob("*.proto"):
        shutil.copy(path, folder)
    return tmp_path


def committed() -> dict[str, str]:
    """Return the text of each committed file that the generator writes."""
    paths = (generate_ocpp.ROOT / "citrine" / "ocpp" / "v2").glob("*.proto")
    texts = {path.relative_to(generate_ocpp.ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    del texts[OPTIONS]
    return texts


def write(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")


def definitions(schemas: Schemas, name: str) -> list[dict[str, Any]]:
    """Return every copy of a definition."""
    return [
        schema["definitions"][name]
        for files in schemas.values()
        for schema in files.values()
        if name in schema.get("definitions", {})
    ]


def block(texts: dict[str, str], path: str, kind: str, name: str) -> str:
    """Return the text of one message or enum."""
    found = re.search(rf"^{kind} {name} {{\n(.*?)^}}", texts[path], re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_a_run_on_the_committed_files_changes_nothing() -> None:
    assert generate_ocpp.generate(generate_ocpp.load_schemas()) == committed()


def test_the_command_writes_what_is_committed_and_removes_what_is_no_longer_needed(root: Path) -> None:
    left_over = root / "citrine/ocpp/v2/left_over.proto"
    left_over.write_text('syntax = "proto3";\npackage citrine.ocpp.v2;\n', encoding="utf-8")

    assert generate_ocpp.main(root) == 0

    assert not left_over.exists()
    assert (root / OPTIONS).exists()
    assert {name: (root / name).read_text(encoding="utf-8") for name in committed()} == committed()


def test_the_order_of_the_schemas_does_not_matter(schemas: Schemas, root: Path) -> None:
    def turn_round(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turn_round(value[key]) for key in reversed(value)}
        if isinstance(value, list):
            return [turn_round(each) for each in reversed(value)]
        return value

    turned = {version: turn_round(files) for version, files in schemas.items()}

    assert generate_ocpp.generate(turned, root) == committed()


def test_what_is_new_gets_the_next_numbers(schemas: Schemas, root: Path) -> None:
    event = schemas["2.1"]["TransactionEventRequest"]
    event["properties"] = {"aFirst": {"type": "string", "maxLength": 5}, **event["properties"]}
    for each in definitions(schemas, "ChargingStateEnumType"):
        each["enum"].insert(0, "Asleep")

    texts = generate_ocpp.generate(schemas, root)

    assert [line for line in changes(texts) if "//" not in line] == [
        "  CHARGING_STATE_ENUM_ASLEEP = 6 [(spelling) = \"Asleep\"];",
        "  optional string a_first = 17;",
    ]  # fmt: skip
    assert changes(texts, removed=True) == []


def changes(texts: dict[str, str], *, removed: bool = False) -> list[str]:
    """Return the lines that texts have and the committed files lack, or the other way round."""
    lines: list[str] = []
    for name, text in committed().items():
        old, new = text.splitlines(), texts[name].splitlines()
        lines += [line for line in (old if removed else new) if line not in (new if removed else old)]
    return sorted(lines)


def test_what_has_vanished_leaves_its_number_and_name_reserved(schemas: Schemas, root: Path) -> None:
    original = copy.deepcopy(schemas)
    for files in schemas.values():
        del files["TransactionEventRequest"]["properties"]["cableMaxCurrent"]
    for each in definitions(schemas, "ChargingStateEnumType"):
        each["enum"].remove("SuspendedEV")

    texts = generate_ocpp.generate(schemas, root)

    number = number_of("TransactionEventRequest", "cable_max_current")
    message = block(texts, TRANSACTIONS, "message", "TransactionEventRequest")
    enum = block(texts, TRANSACTIONS, "enum", "ChargingStateEnum")
    assert f'  reserved {number};\n  reserved "cable_max_current";\n' in message
    assert 'reserved 3;\n  reserved "CHARGING_STATE_ENUM_SUSPENDED_EV";\n' in enum

    write(root, texts)
    assert generate_ocpp.generate(schemas, root) == texts

    # When it comes back, nobody can tell whether it still means the same.
    again = block(generate_ocpp.generate(original, root), TRANSACTIONS, "message", "TransactionEventRequest")
    assert f"  reserved {number};\n" in again
    assert "optional int32 cable_max_current = 17;" in again
    assert '"cable_max_current"' not in again


def number_of(message: str, field: str) -> int:
    found = re.search(rf" {field} = (\d+)", block(committed(), TRANSACTIONS, "message", message))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("schema", "declaration"),
    [
        pytest.param({"type": "string"}, "optional string cable_max_current = 17;", id="other type"),
        pytest.param(
            {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "repeated int32 cable_max_current = 17;",
            id="array",
        ),
    ],
)
def test_a_changed_type_gets_a_number_of_its_own(
    schemas: Schemas, root: Path, schema: dict[str, Any], declaration: str
) -> None:
    for files in schemas.values():
        files["TransactionEventRequest"]["properties"]["cableMaxCurrent"] = schema

    message = block(generate_ocpp.generate(schemas, root), TRANSACTIONS, "message", "TransactionEventRequest")

    assert f"  reserved {number_of('TransactionEventRequest', 'cable_max_current')};\n" in message
    assert declaration in message


def test_an_action_that_vanishes_leaves_its_place_in_the_envelope(schemas: Schemas, root: Path) -> None:
    for kind in ("Request", "Response"):
        del schemas["2.1"][f"AFRRSignal{kind}"]

    texts = generate_ocpp.generate(schemas, root)

    request = block(texts, "citrine/ocpp/v2/messages.proto", "message", "Request")
    assert 'reserved "afrr_signal";' in request
    write(root, texts)
    assert generate_ocpp.generate(schemas, root) == texts


def test_the_first_run_needs_nothing_but_the_options(tmp_path: Path) -> None:
    (tmp_path / OPTIONS).parent.mkdir(parents=True)
    shutil.copy(generate_ocpp.ROOT / OPTIONS, tmp_path / OPTIONS)

    texts = generate_ocpp.generate(generate_ocpp.load_schemas(), tmp_path)
    write(tmp_path, texts)

    assert generate_ocpp.generate(generate_ocpp.load_schemas(), tmp_path) == texts


def test_an_action_without_sender_and_block_is_refused(schemas: Schemas, root: Path) -> None:
    schemas["2.1"]["MakeCoffeeRequest"] = schemas["2.1"]["HeartbeatRequest"]

    with pytest.raises(SystemExit, match="MakeCoffee"):
        generate_ocpp.generate(schemas, root)


def test_definitions_that_differ_within_a_version_are_refused(schemas: Schemas, root: Path) -> None:
    definitions(schemas, "EVSEType")[0]["properties"]["id"]["maximum"] = 5

    with pytest.raises(SystemExit, match="EVSEType differs"):
        generate_ocpp.generate(schemas, root)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        pytest.param({"type": "boolean"}, "nothing holds both", id="boolean for integer"),
        pytest.param({"type": "array", "items": {"type": "integer"}}, "one version only", id="array for integer"),
        pytest.param({"type": "object"}, "no proto type", id="inline object"),
    ],
)
def test_versions_that_no_type_holds_both_of_are_refused(
    schemas: Schemas, root: Path, schema: dict[str, Any], reason: str
) -> None:
    schemas["2.1"]["TransactionEventRequest"]["properties"]["cableMaxCurrent"] = schema

    with pytest.raises(SystemExit, match=reason):
        generate_ocpp.generate(schemas, root)


def test_files_that_protoc_refuses_are_not_written_over(root: Path, schemas: Schemas) -> None:
    (root / TYPES).write_text("not a proto", encoding="utf-8")

    with pytest.raises(SystemExit, match="protoc refuses"):
        generate_ocpp.generate(schemas, root)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (TYPES, 'optional double setpoint_reactive_l2 = 14 [json_name = "setpointReactive_L2"];'),
        (TYPES, 'int32 price_schedule_id = 2 [json_name = "priceScheduleID"];'),
        (TYPES, "MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_REGISTER"),
        (TYPES, "PHASE_ENUM_L1_N"),
        (TRANSACTIONS, "COST_DIMENSION_ENUM_IDLE_TIME"),
        (
            "citrine/ocpp/v2/smart_charging.proto",
            'ev_min_v2x_energy_request = 22 [json_name = "evMinV2XEnergyRequest"]',
        ),
        ("citrine/ocpp/v2/messages.proto", "Get15118EVCertificateRequest get_15118_ev_certificate ="),
        ("citrine/ocpp/v2/authorization.proto", "// Optional. At most 10000 characters. In OCPP 2.0.1: at most 5500"),
        (TYPES, "// Required. At most 20 characters. In OCPP 2.0.1: one of a few fixed values."),
    ],
)
def test_names_and_comments_are_as_a_reader_expects(path: str, line: str) -> None:
    assert line in committed()[path]


def test_no_sentence_of_the_schemas_is_copied() -> None:
    """Their licence allows no derivatives; names and limits are facts, descriptions are not."""
    text = " ".join(re.sub(r"[\s/]+", " ", each) for each in committed().values())
    found = re.findall(r'"description": ("(?:[^"\\]|\\.)*")', json.dumps(generate_ocpp.load_schemas()))
    sentences = {
        re.sub(r"\s+", " ", sentence).strip() for each in found for sentence in re.split(r"[.\r\n]", json.loads(each))
    }

    assert len(sentences) > 500
    assert [sentence for sentence in sentences if len(sentence) > 25 and sentence in text] == []
