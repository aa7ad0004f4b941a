"""Handshakes, over real sockets."""

import asyncio
import base64
import contextlib
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.edge.v1 import link_pb2 as pb
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.fake_core import FakeCore, default_reply
from tests.support.waiting import WAIT


def basic(username: str, password: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(username.encode() + b':' + password).decode()}"}


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_core_gets_what_the_handshake_says(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station("acme/CS%7C1", version="2.1", headers=basic("CS|1", b"p\xff")) as station:
        admit = await core.next("admit")
        opened = await core.next("opened")
        local = station.websocket.local_address

    assert (admit.tenant_id, admit.station_id) == ("acme", "CS|1")
    assert (admit.username, admit.password) == ("CS|1", b"p\xff")
    assert admit.version == opened.version == pb.OCPP_VERSION_21
    assert admit.remote_address == opened.remote_address == f"{local[0]}:{local[1]}"
    assert (opened.session.tenant_id, opened.session.station_id, opened.session.epoch) == ("acme", "CS|1", 1)


async def test_default_tenant_and_missing_password_are_the_cores_to_judge(core: FakeCore, edge: RunningEdge) -> None:
    async with edge.station("CS1"):
        admit = await core.next("admit")

    assert admit.tenant_id == ""
    assert not admit.HasField("username")
    assert not admit.HasField("password")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("2.0.1", "ocpp2.0.1"),
        ("2.1", "ocpp2.1"),
        ("2.1,2.0.1", "ocpp2.1"),
        ("2.0.1,2.1", "ocpp2.0.1"),
        ("0.1,1.5,2.0.1", "ocpp2.0.1"),
        ("1.6", "ocpp1.6"),
        ("1.6,2.0.1", "ocpp1.6"),
        ("2.0.1,1.6", "ocpp2.0.1"),
    ],
)
async def test_stations_first_preference_is_chosen(edge: RunningEdge, offered: str, chosen: str) -> None:
    """Part 4, 3.1.2."""
    async with edge.station(version=offered) as station:
        assert station.websocket.subprotocol == chosen


@pytest.mark.parametrize("offered", ["", "1.5", "0.1,1.5"])
async def test_station_without_a_common_version_is_refused_before_the_upgrade(
    core: FakeCore, edge: RunningEdge, offered: str
) -> None:
    """TC_B_58_CSMS (errata 2025-04)."""
    response = await edge.refusal(version=offered)

    assert response.status_code == 400
    assert core.all("admit") == []
    refused = await core.next("handshake_refused")
    assert (refused.station_id, refused.cause) == ("CS1", pb.HandshakeRefused.CAUSE_VERSION)
    assert refused.offered == ", ".join(f"ocpp{version}" for version in offered.split(",") if version)


@pytest.mark.parametrize(
    ("path", "tenant_id"), [("/CS1", ""), ("CS1/", ""), ("//CS1//", ""), ("acme//CS1", "acme"), ("/acme/CS1/", "acme")]
)
async def test_slashes_of_the_path_are_merged(core: FakeCore, edge: RunningEdge, path: str, tenant_id: str) -> None:
    async with edge.station(path):
        admit = await core.next("admit")

    assert (admit.tenant_id, admit.station_id) == (tenant_id, "CS1")


@pytest.mark.parametrize("path", ["", "/", "a/b/c", "a%00", "x" * 49])
async def test_other_paths_are_not_found(core: FakeCore, edge: RunningEdge, path: str) -> None:
    assert (await edge.refusal(path)).status_code == 404
    assert core.all("admit") == []


async def test_malformed_authorization_is_unauthorized(core: FakeCore, edge: RunningEdge) -> None:
    response = await edge.refusal(headers={"Authorization": "Basic !"})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="ocpp", charset="UTF-8"'
    assert core.all("admit") == []
    assert (await core.next("handshake_refused")).cause == pb.HandshakeRefused.CAUSE_CREDENTIALS


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
async def test_cores_refusal_is_passed_on(core: FakeCore, edge: RunningEdge, status: int) -> None:
    core.refusal = pb.Refused(status=status, retry_after=Duration(seconds=42))

    response = await edge.refusal()

    assert response.status_code == status
    assert ("WWW-Authenticate" in response.headers) is (status == 401)
    assert response.headers.get("Retry-After") == ("42" if status in (429, 503) else None)
    assert response.headers["Connection"] == "close"


async def test_unknown_station_and_wrong_password_get_the_same_answer(core: FakeCore, edge: RunningEdge) -> None:
    """And a malformed header does too: nobody learns which stations there are."""
    core.refusal = pb.Refused(status=401)
    answers = [
        await edge.refusal("CS1", headers=basic("CS1", b"wrong")),
        await edge.refusal("CS2"),
        await edge.refusal("CS1", headers={"Authorization": "Bearer x"}),
    ]

    assert len({bytes(answer.body or b"") for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1


async def test_odd_status_is_unavailable(core: FakeCore, edge: RunningEdge) -> None:
    core.refusal = pb.Refused(status=200)

    assert (await edge.refusal()).status_code == 503


async def test_more_sockets_than_allowed_are_refused(core: FakeCore) -> None:
    async with running_edge(core, ocpp_max_sockets=2) as edge, edge.station("CS1"), edge.station("CS2"):
        response = await edge.refusal("CS3")

    assert response.status_code == 503
    assert "Retry-After" in response.headers


async def test_connections_that_say_nothing_lock_no_station_out(core: FakeCore) -> None:
    """The oldest of them makes place for the next."""
    async with running_edge(core, ocpp_max_unfinished=50, ocpp_max_sockets=1) as edge:
        host, port = edge.ocpp.split(":")
        connections = [await asyncio.open_connection(host, port) for _ in range(200)]

        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(connections[0][0].read(), 5) == b""
        async with edge.station() as station:
            assert (await station.ask("Heartbeat", {}))[0] == 3
        assert edge.edge.server._admission.idle <= 51

        for _, writer in connections:
            await close(writer)


async def test_connection_that_says_nothing_is_dropped_soon(core: FakeCore) -> None:
    """It has a time of its own; a core may take longer to decide."""
    async with running_edge(core, ocpp_request_timeout=timedelta(seconds=0.3)) as edge:
        reader, writer = await asyncio.open_connection(*edge.ocpp.split(":"))
        writer.write(b"GET /CS1 HTTP/1.1\r\nHost: ")

        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        await close(writer)

        core.decide = lambda admit: False
        opening = asyncio.create_task(open_and_close(edge))
        admit = await core.next("admit")
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.6
        await edge.until(lambda: loop.time() > end)
        ref = pb.SessionRef(tenant_id="default", station_id="CS1", epoch=5)
        core.send(admitted=pb.Admitted(id=admit.id, session=ref))
        await opening


async def test_source_of_too_many_refusals_is_told_when_to_come_back(core: FakeCore) -> None:
    core.refusal = pb.Refused(status=401)
    async with running_edge(core, ocpp_address_refusal_rate=0.1) as edge:
        statuses = [(await edge.refusal(f"CS{number}")).status_code for number in range(2)]
        core.refusal = None
        response = await edge.refusal("CS3")
        # From elsewhere it is none of the guesser's.
        async with edge.station("CS4", local_addr=("127.0.0.2", 0)):
            pass

    assert statuses == [401, 401]
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 15


async def test_many_stations_of_one_source_are_let_in_at_once(core: FakeCore) -> None:
    async with running_edge(core, ocpp_address_refusal_rate=0.1) as edge, contextlib.AsyncExitStack() as stack:
        opening = [stack.enter_async_context(edge.station(f"CS{number}")) for number in range(100)]

        await asyncio.gather(*opening)

    assert len(core.all("admit")) == 100


async def test_station_that_comes_again_and_again_is_told_when_to_come_back(core: FakeCore) -> None:
    async with running_edge(core, ocpp_station_handshake_rate=0.1) as edge:
        for _ in range(3):
            async with edge.station("CS1"):
                pass
        response = await edge.refusal("CS1")
        # Others are let in meanwhile.
        async with edge.station("CS2"):
            refused = await core.next("handshake_refused")

    assert response.status_code == 429
    assert (refused.station_id, refused.cause) == ("CS1", pb.HandshakeRefused.CAUSE_TOO_MANY)


async def test_thirty_wrong_passwords_are_answered_429_and_the_right_one_is_let_in_all_the_same(core: FakeCore) -> None:
    core.refusal = pb.Refused(status=401)
    async with running_edge(core) as edge:
        guesses = [await edge.refusal("CS1") for _ in range(30)]
        core.refusal = None
        # The station, behind the same address.
        async with edge.station("CS1"):
            pass

    statuses = [guess.status_code for guess in guesses]
    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [429] * 20
    assert all(1 <= int(guess.headers["Retry-After"]) <= 65 for guess in guesses[10:])
    assert len(core.all("admit")) == 31


async def test_station_that_was_let_in_before_comes_again_although_its_address_fails_too_often(core: FakeCore) -> None:
    known = {"Authorization": "Basic " + base64.b64encode(b"CS1:the-right-password").decode()}
    other = {"Authorization": "Basic " + base64.b64encode(b"CS1:the-wrong-password").decode()}
    async with running_edge(core, ocpp_address_refusal_rate=0.1) as edge:
        async with edge.station("CS1", headers=known):
            pass
        core.refusal = pb.Refused(status=401)
        flood = [(await edge.refusal(f"CS{number}")).status_code for number in range(2, 6)]
        core.refusal = None

        guess = await edge.refusal("CS1", headers=other)
        async with edge.station("CS1", headers=known):
            pass

    assert flood == [401, 401, 429, 429]
    assert guess.status_code == 429


async def test_more_handshakes_than_a_core_decides_are_refused(core: FakeCore) -> None:
    core.decide = lambda admit: False
    async with running_edge(core, ocpp_max_unfinished=2) as edge:
        waiting = [asyncio.create_task(edge.refusal(f"CS{number}")) for number in range(2)]
        admits = [await core.next("admit") for _ in range(2)]

        assert (await edge.refusal("CS3")).status_code == 503

        for admit in admits:
            core.send(refused=pb.Refused(id=admit.id, status=401))
        assert {(await each).status_code for each in waiting} == {401}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /CS1 HTTP/1.1\r\nHost: x\r\n\r\n", "426"),
        ("POST /CS1 HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("GET /CS1 HTTP/1.0\r\nHost: x\r\n\r\n", "505"),
        ("GET /" + "x" * 9000 + " HTTP/1.1\r\n\r\n", "414"),
        ("GET /CS1 HTTP/1.1\r\nX: " + "x" * 9000 + "\r\n\r\n", "431"),
        ("nonsense\r\n\r\n", ""),
    ],
)
async def test_what_is_no_handshake_is_refused(edge: RunningEdge, request_: str, status: str) -> None:
    reader, writer = await asyncio.open_connection(*edge.ocpp.split(":"))
    writer.write(request_.encode())

    async with asyncio.timeout(WAIT):
        answer = (await reader.read()).decode()

    assert answer.split(" ")[1:2] == ([status] if status else [])
    await close(writer)


async def test_station_that_goes_before_it_is_admitted_is_reported_as_closed(core: FakeCore, edge: RunningEdge) -> None:
    core.decide = lambda admit: False
    opening = asyncio.create_task(open_and_close(edge))
    admit = await core.next("admit")
    opening.cancel()
    await asyncio.wait({opening})
    ref = pb.SessionRef(tenant_id="default", station_id="CS1", epoch=5)
    await edge.until(lambda: not edge.edge.server._sockets)
    core.send(admitted=pb.Admitted(id=admit.id, session=ref))

    closed = await core.next("closed")

    assert (closed.session, closed.code) == (ref, 1006)
    assert core.all("opened") == []


async def open_and_close(edge: RunningEdge) -> None:
    async with edge.station():
        pass


async def test_draining_edge_refuses(core: FakeCore) -> None:
    core.decide = lambda admit: admit.station_id != "CS2"
    core.reply = lambda call: None
    async with running_edge(core) as edge, edge.station("CS1") as station:
        await station.send([2, "m1", "Heartbeat", {}])
        call: Any = await core.next("call")
        waiting = asyncio.create_task(edge.refusal("CS2"))
        admit = (await core.next("admit"), await core.next("admit"))[1]
        edge.stop()
        await core.next("draining")

        assert (await edge.refusal("CS3")).status_code == 503
        # Decided before the drain began, or not at all: the core hears that nobody came.
        core.send(admitted=pb.Admitted(id=admit.id, session=pb.SessionRef(station_id="CS2", epoch=9)))
        assert (await waiting).status_code == 503
        assert (await core.next("closed")).session.epoch == 9
        core.answer(call, default_reply(call))
        assert (await station.receive())[:2] == [3, "m1"]
