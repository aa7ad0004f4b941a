"""`citrine person`: what is asked, what is written, and what is waited for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import persons_pb2 as pb
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def row(kind: str, **columns: Any) -> pb.ExportPersonResponse:
    content = Struct()
    content.update(columns)
    return pb.ExportPersonResponse(kind=kind, content=content)


def erasure(state: "pb.ErasureState.ValueType", **fields: Any) -> pb.Erasure:
    return pb.Erasure(erasure_id="e-1", state=state, requested_by="office", tables_total=30, **fields)


def test_a_person_is_exported_as_a_row_a_line_to_stdout_or_a_file(
    citrine: Cli, core: ScriptedCore, tmp_path: Path
) -> None:
    rows = [row("tokens", id_token="AB", note="Zoë"), row("transactions", transaction_id="t")]
    core.on("ExportPerson", lambda request, context: iter(rows))

    shown = citrine("person", "export", "AB", "--type", "ISO14443")
    saved = citrine("person", "export", "--group", "FAMILY", "--file", "person.jsonl")

    expected = [
        {"kind": "tokens", "id_token": "AB", "note": "Zoë"},
        {"kind": "transactions", "transaction_id": "t"},
    ]
    assert (shown.code, [json.loads(line) for line in shown.lines]) == (0, expected)
    assert (saved.code, saved.out) == (0, "")
    lines = tmp_path.joinpath("person.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert core.requests("ExportPerson") == [
        pb.ExportPersonRequest(id_token=IdToken(id_token="AB", type="ISO14443")),
        pb.ExportPersonRequest(group_id="FAMILY"),
    ]


def test_an_export_that_ends_early_leaves_the_file_of_before(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    def ends(request: pb.ExportPersonRequest, context: grpc.ServicerContext) -> Iterator[pb.ExportPersonResponse]:
        yield row("tokens", id_token="AB")
        context.abort(grpc.StatusCode.INTERNAL, "it broke")

    core.on("ExportPerson", ends)
    (before := tmp_path / "person.jsonl").write_text("of before\n")

    broken = citrine("person", "export", "AB", "--file", "person.jsonl")
    nowhere = citrine("person", "export", "AB", "--file", "no/such/folder.jsonl")

    assert (broken.code, before.read_text()) == (1, "of before\n")
    assert [one.name for one in tmp_path.glob("person*")] == ["person.jsonl"]
    assert (nowhere.code, nowhere.err) == (2, "error: no/such/folder.jsonl: No such file or directory\n")


def test_an_erasure_is_waited_for_if_asked(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ErasePerson", erasure(pb.ERASURE_STATE_WAITING))
    core.on("GetErasure", erasure(pb.ERASURE_STATE_FINISHED))

    at_once = citrine("person", "erase", "AB", "--yes")
    assert core.requests("GetErasure") == []
    waited = citrine("person", "erase", "--group", "FAMILY", "--yes", "--wait")

    assert (at_once.code, at_once.lines) == (0, ["erasure e-1 waiting"])
    assert (waited.code, waited.lines) == (0, ["erasure e-1 finished"])
    assert core.requests("GetErasure") == [pb.GetErasureRequest(erasure_id="e-1")]
    assert core.requests("ErasePerson") == [
        pb.ErasePersonRequest(id_token=IdToken(id_token="AB")),
        pb.ErasePersonRequest(group_id="FAMILY"),
    ]


def test_erasures_are_listed_with_what_they_wait_for(citrine: Cli, core: ScriptedCore) -> None:
    waiting = erasure(pb.ERASURE_STATE_WAITING, waits_for="transaction t", create_time=Timestamp(seconds=1_900_000_000))
    core.on("ListErasures", pb.ListErasuresResponse(erasures=[waiting]))

    ran = citrine("person", "erasures", "--limit", "5")

    assert ran.code == 0
    assert ran.lines[-1].split()[:7] == ["e-1", "waiting", "transaction", "t", "0/30", "0", "office"]
    assert core.requests("ListErasures") == [pb.ListErasuresRequest(page_size=5)]


def test_a_person_is_a_token_or_a_group(citrine: Cli, core: ScriptedCore) -> None:
    for arguments in (("export",), ("erase", "--yes"), ("erase", "AB", "--group", "FAMILY", "--yes")):
        ran = citrine("person", *arguments)
        assert ran.code == 2
        assert "name a token, or --group" in ran.err
    assert core.seen == []
