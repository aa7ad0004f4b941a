"""Tests of admission: who may open a websocket, and what the others learn."""

import time

import pytest

from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_PENDING
from citrine_core.link.admission import REFUSAL_TIME
from citrine_core.resources.stations.passwords import generate_password, hash_generated
from tests.support.core import PASSWORD, RunningCore, hash_once
from tests.support.fake_edge import FakeEdge

NEXT = "the-next-password-of-it"


async def status_of(edge: FakeEdge, *arguments: object, **how: object) -> int:
    """Return the HTTP status of a refusal, 101 for an admission."""
    answer = await edge.admit(*arguments, **how)  # type: ignore[arg-type]  # passed on as they are
    return answer.status if isinstance(answer, link.Refused) else 101


async def test_a_station_with_its_password_is_let_in_with_its_first_epoch(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=REGISTRATION_STATUS_ENUM_PENDING)
    async with core.edge() as edge:
        admitted = await edge.admit("CS-1", PASSWORD)

    assert isinstance(admitted, link.Admitted)
    assert (admitted.session.tenant_id, admitted.session.station_id, admitted.session.epoch) == ("default", "CS-1", 1)
    assert admitted.registration == REGISTRATION_STATUS_ENUM_PENDING


async def test_a_station_that_never_booted_has_no_registration(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        admitted = await edge.admit("CS-1", PASSWORD)

    assert not admitted.HasField("registration")  # type: ignore[arg-type]  # of Admitted only


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("station_id", "password", "how"),
    [
        pytest.param("CS-9", PASSWORD, {}, id="unknown station"),
        pytest.param("CS-1", "wrong", {}, id="wrong password"),
        pytest.param("CS-1", None, {}, id="no password"),
        pytest.param("CS-1", b"\xff\xfe\x00" * 2000, {}, id="a password that is no text, and long"),
        pytest.param("CS-1", PASSWORD, {"username": "CS-2"}, id="identity of another"),
        pytest.param("CS-1", None, {"username": "CS-1"}, id="user name only"),
        pytest.param("CS-1", PASSWORD, {"tenant_id": "acme"}, id="unknown tenant"),
        pytest.param("CS-3", PASSWORD, {}, id="station without a password"),
        pytest.param("CS-4", PASSWORD, {}, id="station with a generated password"),
    ],
)
async def test_whoever_lacks_the_right_credential_is_refused_alike(
    core: RunningCore, station_id: str, password: str | bytes | None, how: dict[str, str]
) -> None:
    await core.add_station("CS-1")
    await core.add_station("CS-3", password=None)
    await core.add_station("CS-4", password_hash=hash_generated(generate_password()))
    async with core.edge() as edge:
        checks = core.core.admission.checks
        refused = await edge.admit(station_id, password, **how)  # type: ignore[arg-type]  # passed on as they are

    assert isinstance(refused, link.Refused)
    assert refused.status == 401
    assert not refused.HasField("retry_after")
    # The same work is done for all of them: one slow hash.
    assert core.core.admission.checks == checks + 1


async def test_the_time_of_a_refusal_does_not_tell_how_much_was_checked(core: RunningCore) -> None:
    candidates = "\n".join(f"command-{number} {hash_once(f'{NEXT}-{number}')}" for number in range(4))
    await core.add_station("CS-1", next_password_hash=candidates)
    times = []
    async with core.edge() as edge:
        for station_id in ("CS-1", "CS-9"):
            begin = time.monotonic()
            assert await status_of(edge, station_id, "wrong") == 401
            times.append(time.monotonic() - begin)

    assert min(times) >= REFUSAL_TIME


async def test_a_disabled_station_hears_so_only_with_its_password(core: RunningCore) -> None:
    await core.add_station("CS-1", enabled=False)
    async with core.edge() as edge:
        with_it = await status_of(edge, "CS-1", PASSWORD)
        without = await status_of(edge, "CS-1", "wrong")

    assert (with_it, without) == (403, 401)


async def test_a_station_may_do_without_a_password_where_that_is_allowed(core: RunningCore) -> None:
    await core.add_station("CS-1", password=None, allow_no_password=True)
    async with core.edge() as edge:
        without = await status_of(edge, "CS-1")
        with_any = await status_of(edge, "CS-1", "whatever it has")

    assert (without, with_any) == (101, 101)


async def test_stations_of_two_tenants_may_bear_one_id(core: RunningCore) -> None:
    await core.add_tenant("acme")
    await core.add_station("CS-1")
    await core.add_station("CS-1", tenant_id="acme", password="another-password")
    async with core.edge() as edge:
        ours = await status_of(edge, "CS-1", "another-password", tenant_id="acme")
        not_theirs = await status_of(edge, "CS-1", PASSWORD, tenant_id="acme")

    assert (ours, not_theirs) == (101, 401)


async def test_a_verified_login_is_not_hashed_again(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        await edge.admit("CS-1", PASSWORD)
        checks = core.core.admission.checks
        again = await status_of(edge, "CS-1", PASSWORD)

    assert again == 101
    assert core.core.admission.checks == checks


async def test_a_generated_password_needs_no_slow_hash(core: RunningCore) -> None:
    password = generate_password()
    await core.add_station("CS-1", password_hash=hash_generated(password))
    async with core.edge() as edge:
        checks = core.core.admission.checks
        with_it = [await status_of(edge, "CS-1", password) for _ in range(2)]

    assert with_it == [101, 101]
    assert core.core.admission.checks == checks


async def test_a_next_password_counts_beside_a_generated_one_until_it_is_used(core: RunningCore) -> None:
    password = generate_password()
    await core.add_station("CS-1", password_hash=hash_generated(password), next_password_hash=hash_once(NEXT))
    async with core.edge() as edge:
        statuses = [await status_of(edge, "CS-1", given) for given in (password, NEXT, password, NEXT)]

    assert statuses == [101, 101, 401, 101]


async def test_a_next_password_counts_beside_the_old_one_until_it_is_used(core: RunningCore) -> None:
    await core.add_station("CS-1", next_password_hash=hash_once(NEXT))
    async with core.edge() as edge:
        old = await status_of(edge, "CS-1", PASSWORD)
        new = await status_of(edge, "CS-1", NEXT)
        old_again = await status_of(edge, "CS-1", PASSWORD)
        new_again = await status_of(edge, "CS-1", NEXT)

    assert (old, new, old_again, new_again) == (101, 101, 401, 101)


async def test_every_admission_has_a_higher_epoch(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        answers = [await edge.admit("CS-1", PASSWORD) for _ in range(3)]

    assert [answer.session.epoch for answer in answers if isinstance(answer, link.Admitted)] == [1, 2, 3]


KEY = b"key:with-colon\xff\x00\x01\x02\x03\x04"


@pytest.mark.in_turn
@pytest.mark.parametrize("stored", [KEY, KEY.hex(), KEY.hex().upper()], ids=["bytes", "text", "TEXT"])
@pytest.mark.parametrize("sent", [KEY, KEY.hex(), KEY.hex().upper()], ids=["bytes", "text", "TEXT"])
async def test_a_station_of_1_6_may_send_its_key_as_bytes_or_as_text(
    core: RunningCore, stored: str | bytes, sent: str | bytes
) -> None:
    """OCPP-J 1.6, 6.2.2: the key is set as text, and stations differ in what they then send."""
    await core.add_station("CS-1", password_hash=hash_once(stored))
    async with core.edge() as edge:
        assert await status_of(edge, "CS-1", sent, version=link.OCPP_VERSION_16) == 101
        assert await status_of(edge, "CS-1", b"x" + KEY, version=link.OCPP_VERSION_16) == 401


async def test_a_generated_password_may_come_as_text_of_1_6_only(core: RunningCore) -> None:
    password = generate_password()
    await core.add_station("CS-1", password_hash=hash_generated(password))
    async with core.edge() as edge:
        of_1_6 = await status_of(edge, "CS-1", password.encode().hex(), version=link.OCPP_VERSION_16)
        of_2_1 = await status_of(edge, "CS-1", password.encode().hex())

    assert (of_1_6, of_2_1) == (101, 401)
