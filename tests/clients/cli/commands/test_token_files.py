"""Files of tokens: imported and exported against a real core, and read back as they were."""

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1 import tokens_pb2 as pb
from tests.clients.cli.conftest import Cli, Ran
from tests.support.api import Api, auth

HEADS = "id_token,type,group_id,expire_time,whitelist,valid,charging_priority,cache_time,description,rules\n"


class Line:
    """The command line with a key for the core."""

    def __init__(self, cli: Cli, port: int, key: str) -> None:
        self._run = cli
        self._common = ("--core", f"127.0.0.1:{port}", "--key", key)

    async def __call__(self, *arguments: str) -> Ran:
        # It has an event loop of its own.
        return await asyncio.to_thread(self._run, *self._common, *arguments)


@pytest.fixture
async def line(api: Api, cli: Cli) -> Line:
    return Line(cli, api.port, await api.key("default"))


async def stored(api: Api) -> dict[str, pb.Token]:
    who = auth(await api.key("default"))
    response = await api.tokens.ListTokens(pb.ListTokensRequest(page_size=1000), metadata=who)
    return {token.id_token: token for token in response.tokens}


async def test_a_table_is_imported_and_sets_the_fields_that_it_has(api: Api, line: Line, tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    rules = json.dumps({"maxTransactions": 1}).replace('"', '""')
    file.write_text(
        HEADS
        + f'A,Central,G,2030-01-31T12:00:00Z,allowed offline,no,-9,1h,"two\nlines","{rules}"\n'
        + "B,Central,,,,,,,,\n"
    )

    first = await line("token", "import", str(file))
    file.write_text("ID_TOKEN;TYPE;MESSAGE\nA;central;Hello\nC;Central;\n", encoding="utf-8-sig")
    second = await line("token", "import", str(file))

    assert (first.code, first.out) == (0, "2 tokens: 2 new, 0 changed, 0 as they were\n")
    assert (second.code, second.out) == (0, "2 tokens: 1 new, 1 changed, 0 as they were\n")
    tokens = await stored(api)
    a = tokens["A"]
    assert (a.group_id, a.whitelist, a.valid) == ("G", pb.TOKEN_WHITELIST_ALLOWED_OFFLINE, False)
    assert (a.charging_priority, a.cache_time.seconds, a.rules.max_transactions) == (-9, 3600, 1)
    assert (a.description, a.message, a.expire_time.ToJsonString()) == ("two\nlines", "Hello", "2030-01-31T12:00:00Z")
    assert tokens["B"].valid


async def test_where_a_token_is_wrong_none_is_stored_unless_it_is_to_be_skipped(
    api: Api, line: Line, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text("id_token,type,status,message\nA,Central,,\n,Central,,\nB,Central,lost,\nC,RFID,,\nD,Central,,\n")

    refused = await line("token", "import", str(file))
    assert await stored(api) == {}
    shown = await line("token", "import", str(file), "--dry-run")
    assert await stored(api) == {}
    skipped = await line("token", "import", str(file), "--skip-wrong", "--json")

    assert [one.split(": ")[0] for one in refused.err.splitlines()[:3]] == [f"{file}:{number}" for number in (3, 4, 5)]
    assert "status: 'lost' is none of accepted, blocked" in refused.err
    assert "no token was stored" in refused.err
    assert shown.out == "2 tokens: 2 would be new, 0 would be changed, 0 as they are\n"
    assert [one.code for one in (refused, shown, skipped)] == [1, 1, 1]
    assert [one["line"] for one in skipped.json["errors"]] == [3, 4, 5]
    assert sorted(await stored(api)) == ["A", "D"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
async def test_what_is_exported_is_imported_as_it_was(api: Api, line: Line, tmp_path: Path, kind: str) -> None:
    """Also texts that a spreadsheet would take for formulas."""
    who = auth(await api.key("default"))
    texts = ["=1+1", "+49", "-", "@x", "'=1", "''=1", "'", 'a, "b"\nc', "plain"]
    for number, text in enumerate(texts):
        token = pb.Token(id_token=f"+T-{number}", type="Central", description=text, charging_priority=-number)
        token.limit.max_cost = "9.50"
        await api.tokens.CreateToken(pb.CreateTokenRequest(token=token), metadata=who)
    before = await stored(api)
    file = tmp_path / f"tokens.{kind}"

    written = await line("token", "export", str(file))
    again = await line("token", "import", str(file))
    for name in before:
        await api.tokens.DeleteToken(pb.DeleteTokenRequest(id_token=name), metadata=who)
    anew = await line("token", "import", str(file))

    assert written.out == f"9 tokens written to {file}\n"
    assert (again.out, anew.out) == (
        "9 tokens: 0 new, 0 changed, 9 as they were\n",
        "9 tokens: 9 new, 0 changed, 0 as they were\n",
    )
    after = await stored(api)
    for token in (*before.values(), *after.values()):
        for field in ("create_time", "update_time", "etag"):
            token.ClearField(field)
    assert after == before
    if kind == "csv":
        with file.open(newline="") as table:
            cells = [cell for row in csv.reader(table) for cell in row]
        assert not [cell for cell in cells if cell[:1] in tuple("=+@") or (cell[:1] == "-" and not cell[1:].isdigit())]


async def test_tokens_are_exported_to_stdout_by_filters(api: Api, line: Line) -> None:
    who = auth(await api.key("default"))
    for name, group in (("A", "G"), ("B", "")):
        token = pb.Token(id_token=name, type="Central", group_id=group)
        await api.tokens.CreateToken(pb.CreateTokenRequest(token=token), metadata=who)

    table = await line("token", "export", "--group", "G")
    objects = await line("token", "export", "--format", "jsonl", "--prefix", "b")

    assert [row.split(",")[0] for row in table.lines] == ["id_token", "A"]
    assert [json.loads(row)["idToken"] for row in objects.lines] == ["B"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("tokens.txt", "", "is it csv or jsonl?", id="name"),
        pytest.param("tokens.csv", "", "there is no column id_token", id="empty"),
        pytest.param("tokens.csv", "id_token,type,colour\n", "'colour' is no column of tokens", id="column"),
        pytest.param("tokens.csv", b"id_token,type\n\xff,Central\n", "is not UTF-8", id="bytes"),
    ],
)
async def test_a_file_that_is_none_of_tokens_is_refused(
    line: Line, tmp_path: Path, name: str, content: Any, words: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    ran = await line("token", "import", str(file))

    assert ran.code == 2
    assert words in ran.err


async def test_tokens_of_a_party_are_refused_and_decide_again(api: Api, line: Line, tmp_path: Path) -> None:
    """What is exported meanwhile can be imported: it says nothing of that."""
    file = tmp_path / "tokens.jsonl"
    await line("token", "add", "A", "--type", "Central", "--owner", "NL-TNM")

    suspended = await line("token", "suspend", "nl-tnm", "--reason", "unpaid")
    await line("token", "suspend", "NL-TNM", "--reason", "fraud")
    await line("token", "suspend", "NL-XXX", "--reason", "of another")
    shown = await line("token", "list")
    listed = json.loads((await line("token", "suspensions", "--json")).out)
    exported = await line("token", "export", str(file))
    imported = await line("token", "import", str(file))
    other = await line("token", "resume", "NL-TNM")
    still = await line("token", "resume", "NL-TNM", "--reason", "fraud")
    resumed = await line("token", "resume", "NL-TNM", "--reason", "unpaid")
    await line("token", "resume", "NL-XXX", "--reason", "of another")
    none = await line("token", "suspensions")

    assert suspended.out.startswith("tokens of NL-TNM are refused since ")
    assert "suspended" in shown.out
    assert [(one["partyId"], one["reason"]) for one in listed] == [
        ("TNM", "fraud"),
        ("TNM", "unpaid"),
        ("XXX", "of another"),
    ]
    assert (exported.code, imported.code, "1 as they were" in imported.out) == (0, 0, True)
    assert (still.code, still.out) == (0, "tokens of NL-TNM are still refused: unpaid\n")
    assert (other.code, resumed.code, resumed.out) == (1, 0, "tokens of NL-TNM are no longer refused: unpaid\n")
    assert none.out == "no party is suspended\n"
    assert (await line("token", "suspend", "TNM")).code == 2


async def test_a_token_that_comes_again_is_named_by_both_lines_however_far_apart(
    api: Api, line: Line, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.csv"
    rows = [f"T-{number},Central,{number}\n" for number in range(600)]
    file.write_text("id_token,type,message\n" + "".join(rows) + "t-0,central,again\n")

    ran = await line("token", "import", str(file))

    assert ran.code == 1
    assert f"{file}:602: id_token is the same token as that of line 2" in ran.err
    assert await stored(api) == {}
