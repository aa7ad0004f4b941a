"""Cases of functional block C, Authorization."""

from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import authorization_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_BLOCKED, CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionsRequest
from citrine.ocpp.v2 import authorization_pb2 as ocpp
from citrine.ocpp.v2.transactions_pb2 import REASON_ENUM_MASTER_PASS
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation
from tests.support.contracts import Issued, Responder, issue, pem, responder

GROUP = "GROUP-OF-TWO"
MASTER_PASS = "MASTER-PASS-GROUP"


async def add_token(api: Citrine, case: str, name: str, **fields: Any) -> dict[str, Any]:
    """Register a further token of the case; return it as `idToken` of OCPP."""
    uid = blake2b(f"{case} {name}".encode(), digest_size=7).hexdigest().upper()
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=uid, type="ISO14443", **fields)))
    return {"idToken": uid, "type": "ISO14443"}


async def authorize(station: ConformanceStation, id_token: dict[str, Any]) -> dict[str, Any]:
    """Present a token; return idTokenInfo."""
    info: dict[str, Any] = (await station.call("Authorize", {"idToken": id_token}))["idTokenInfo"]
    return info


async def event(
    station: ConformanceStation, event_type: str, trigger_reason: str, id_token: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Send a transaction event with a token; return idTokenInfo."""
    answer = await states.transaction_event(station, event_type, trigger_reason, idToken=id_token, **more)
    info: dict[str, Any] = answer["idTokenInfo"]
    return info


def assert_accepted(info: dict[str, Any], group: str) -> None:
    """Check what a token of a group is answered."""
    assert info["status"] == "Accepted"
    assert info["groupIdToken"] == {"idToken": group, "type": "Central"}


@pytest.fixture
def unknown(case: str) -> dict[str, Any]:
    """A token that nobody registered: <Configured invalid_idtoken_idtoken>."""
    return {"idToken": blake2b(f"{case} nobody".encode(), digest_size=7).hexdigest().upper(), "type": "ISO14443"}


async def test_TC_C_02_CSMS(station: ConformanceStation, unknown: dict[str, Any]) -> None:
    """A token that is not valid is reported so."""
    await states.booted(station)

    assert (await authorize(station, unknown))["status"] in ("Invalid", "Unknown")


async def test_TC_C_06_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A token that is blocked is reported so."""
    blocked = await add_token(api, case, "blocked", status=TOKEN_STATUS_BLOCKED)
    await states.booted(station)

    assert (await authorize(station, blocked))["status"] in ("Blocked", "Invalid")


async def test_TC_C_07_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A token that has expired is reported so."""
    expired = await add_token(api, case, "expired", expire_time=Timestamp(seconds=1))
    await states.booted(station)

    assert (await authorize(station, expired))["status"] in ("Expired", "Invalid")


async def test_TC_C_08_CSMS(station: ConformanceStation) -> None:
    """A token that the station remembers as accepted is confirmed."""
    await states.booted(station)
    await states.ev_connected_pre_session(station)

    assert (await event(station, "Updated", "Authorized", station.id_token))["status"] == "Accepted"


async def test_TC_C_20_CSMS(station: ConformanceStation, unknown: dict[str, Any]) -> None:
    """A token that the station remembers and that is not valid is refused."""
    await states.booted(station)
    await states.ev_connected_pre_session(station)

    assert (await event(station, "Updated", "Authorized", unknown))["status"] in ("Invalid", "Unknown")


async def test_TC_C_37_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station empties its authorization cache."""
    await states.booted(station)

    assert await clear_cache(station, api, "Accepted") == ocpp.CLEAR_CACHE_STATUS_ENUM_ACCEPTED


async def test_TC_C_38_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station refuses to empty its authorization cache."""
    await states.booted(station)

    assert await clear_cache(station, api, "Rejected") == ocpp.CLEAR_CACHE_STATUS_ENUM_REJECTED


async def clear_cache(station: ConformanceStation, api: Citrine, status: str) -> int:
    """Have the cache emptied; return what the API says the station answered."""
    rpc = api.authorization.ClearCache(
        pb.ClearCacheRequest(target=CommandTarget(station_id=station.station_id), request=ocpp.ClearCacheRequest())
    )
    asked, answered = await station.asked_by(rpc, "ClearCache", {"status": status})
    assert asked == {}
    return int(answered.response.status)


async def of_one_group(api: Citrine, case: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Register two tokens of one group."""
    return (
        await add_token(api, case, "first of the group", group_id=GROUP),
        await add_token(api, case, "second of the group", group_id=GROUP),
    )


async def test_TC_C_39_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A token of the same group stops what another one started."""
    first, second = await of_one_group(api, case)
    await states.booted(station)
    await states.ev_connected_pre_session(station)

    assert_accepted(await authorize(station, second), GROUP)
    assert_accepted(await event(station, "Updated", "Authorized", first), GROUP)
    station.states.add("Authorized")
    await states.energy_transfer_started(station)
    assert_accepted(await authorize(station, second), GROUP)
    assert_accepted(await event(station, "Updated", "StopAuthorized", second), GROUP)
    station.states.add("StopAuthorized")
    await states.ev_disconnected(station)

    await assert_charged_by(api, station, first)


async def test_TC_C_40_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A token of the same group, from the station's list, stops what another one started."""
    first, second = await of_one_group(api, case)
    await states.booted(station)
    await states.ev_connected_pre_session(station)

    assert_accepted(await event(station, "Updated", "Authorized", first), GROUP)
    station.states.add("Authorized")
    await states.energy_transfer_started(station)
    assert_accepted(await event(station, "Updated", "StopAuthorized", second), GROUP)
    station.states.add("StopAuthorized")
    await states.ev_disconnected(station)

    await assert_charged_by(api, station, first)


async def test_TC_C_43_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A token of the same group, which the station's list holds as invalid, is authorized to stop."""
    first, second = await of_one_group(api, case)
    await states.booted(station)
    await states.ev_connected_pre_session(station)

    assert_accepted(await event(station, "Updated", "Authorized", first), GROUP)
    station.states.add("Authorized")
    await states.energy_transfer_started(station)
    assert_accepted(await authorize(station, second), GROUP)
    assert_accepted(await event(station, "Updated", "StopAuthorized", second), GROUP)
    station.states.add("StopAuthorized")
    await states.ev_disconnected(station)

    await assert_charged_by(api, station, first)


async def assert_charged_by(api: Citrine, station: ConformanceStation, id_token: dict[str, Any]) -> None:
    """Check that the transaction ended and is of the token that started it."""
    transaction = await api.transactions.GetTransaction(
        GetTransactionRequest(station_id=station.station_id, transaction_id=station.transaction_id)
    )
    assert transaction.HasField("end_time")
    assert transaction.id_token.id_token == id_token["idToken"]


async def charge_at_two(station: ConformanceStation, api: Citrine, case: str) -> list[tuple[str, int]]:
    """Have two drivers charge at EVSE 1 and 2; return the transactions with their next sequence number."""
    transactions = []
    for evse_id in (1, 2):
        station.evse_id = evse_id
        station.id_token = await add_token(api, case, f"driver at {evse_id}")
        station.states.clear()
        await states.energy_transfer_started(station)
        transactions.append((station.transaction_id, station.seq_no))
    return transactions


async def stop_all(
    station: ConformanceStation,
    api: Citrine,
    case: str,
    transactions: list[tuple[str, int]],
    *,
    id_token: dict[str, Any] | None = None,
) -> None:
    """Stop transactions by a master pass; the events of their end bear it, or the token given."""
    master = await add_token(api, case, "master pass", group_id=MASTER_PASS, master_pass=True)
    assert_accepted(await authorize(station, master), MASTER_PASS)
    for transaction_id, seq_no in transactions:
        station.transaction_id, station.seq_no = transaction_id, seq_no
        info = await event(station, "Ended", "StopAuthorized", id_token or master, stoppedReason="MasterPass")
        assert info["status"] == "Accepted"
        assert id_token or info["groupIdToken"] == {"idToken": MASTER_PASS, "type": "Central"}
        stopped = await api.transactions.GetTransaction(
            GetTransactionRequest(station_id=station.station_id, transaction_id=transaction_id)
        )
        assert stopped.HasField("end_time")
        assert stopped.stopped_reason == REASON_ENUM_MASTER_PASS
        assert stopped.id_token.id_token != master["idToken"]


async def active(api: Citrine, station: ConformanceStation) -> list[str]:
    """Return the transactions of the station that are under way."""
    found = await api.transactions.ListTransactions(
        ListTransactionsRequest(station_id=station.station_id, active_only=True)
    )
    return [one.transaction_id for one in found.transactions]


async def test_TC_C_47_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A master pass stops all transactions, chosen on the station's screen."""
    await states.booted(station)

    await stop_all(station, api, case, await charge_at_two(station, api, case))

    assert await active(api, station) == []


async def test_TC_C_48_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A master pass stops one transaction, chosen on the station's screen."""
    await states.booted(station)
    first, second = await charge_at_two(station, api, case)

    await stop_all(station, api, case, [first])

    assert await active(api, station) == [second[0]]


async def test_TC_C_49_CSMS(station: ConformanceStation, api: Citrine, case: str) -> None:
    """A master pass stops all transactions of a station without a screen."""
    valid = station.id_token
    await states.booted(station)

    await stop_all(station, api, case, await charge_at_two(station, api, case), id_token=valid)

    assert await active(api, station) == []


@pytest.fixture
async def ocsp() -> AsyncIterator[Responder]:
    """An OCSP service, to which the responder URLs lead."""
    async with responder() as running:
        yield running


async def authorize_contract(
    station: ConformanceStation, api: Citrine, case: str, **contract: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Present a contract whose eMAID is known as valid; return the token and the answer."""
    emaid = emaid_of(case)
    settings = pb.AuthorizationSettings(ocsp_hosts=["127.0.0.1"])
    await api.authorization.UpdateAuthorizationSettings(pb.UpdateAuthorizationSettingsRequest(settings=settings))
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=emaid, type="eMAID")))
    await states.booted(station)
    await states.ev_connected_pre_session(station)
    id_token = {"idToken": emaid, "type": "eMAID"}
    return id_token, await station.call("Authorize", {"idToken": id_token, **contract})


def emaid_of(case: str) -> str:
    """Return the eMAID of a case."""
    return f"DE8AA{blake2b(case.encode(), digest_size=5).hexdigest().upper()}"[:14]


def serial_numbers(*issued: Issued) -> list[int]:
    """Return the serial numbers of certificates, sorted."""
    return sorted(one.certificate.serial_number for one in issued)


async def charge(station: ConformanceStation, id_token: dict[str, Any]) -> None:
    """Start to charge with a token that was authorized."""
    assert (await event(station, "Updated", "Authorized", id_token))["status"] == "Accepted"
    station.states.add("Authorized")
    await states.energy_transfer_started(station)


async def test_TC_C_50_CSMS(station: ConformanceStation, api: Citrine, case: str, ocsp: Responder) -> None:
    """A contract that the station verified itself is looked up at the OCSP service, and accepted."""
    sub = issue("MO sub-CA", issue("MO root"), url=ocsp.url)
    contract = issue(emaid_of(case), sub, ca=False, url=ocsp.url)
    ocsp.add(contract, sub)
    data = [contract.hash_data(ocsp.url), sub.hash_data(ocsp.url)]

    id_token, answer = await authorize_contract(station, api, case, iso15118CertificateHashData=data)

    assert sorted(one.serial_number for one in ocsp.asked) == serial_numbers(contract, sub)
    assert (answer["idTokenInfo"]["status"], answer["certificateStatus"]) == ("Accepted", "Accepted")
    await charge(station, id_token)


async def test_TC_C_51_CSMS(station: ConformanceStation, api: Citrine, case: str, ocsp: Responder) -> None:
    """A contract that the station verified itself is looked up at the OCSP service, and refused as revoked."""
    sub = issue("MO sub-CA", issue("MO root"), url=ocsp.url)
    contract = issue(emaid_of(case), sub, ca=False, url=ocsp.url)
    ocsp.add(contract, sub)
    ocsp.revoke(contract)
    data = [contract.hash_data(ocsp.url), sub.hash_data(ocsp.url)]

    _, answer = await authorize_contract(station, api, case, iso15118CertificateHashData=data)

    assert sorted(one.serial_number for one in ocsp.asked) == serial_numbers(contract, sub)
    assert (answer["idTokenInfo"]["status"], answer["certificateStatus"]) == ("Invalid", "CertificateRevoked")


async def test_TC_C_52_CSMS(station: ConformanceStation, api: Citrine, case: str, ocsp: Responder) -> None:
    """A contract's chain is verified up to a configured root, looked up at the OCSP service, and accepted."""
    root = issue("MO root")
    sub = issue("MO sub-CA", root, url=ocsp.url)
    contract = issue(emaid_of(case), sub, ca=False, url=ocsp.url)
    ocsp.add(contract, sub)
    settings = pb.AuthorizationSettings(contract_roots=pem(root))
    await api.authorization.UpdateAuthorizationSettings(pb.UpdateAuthorizationSettingsRequest(settings=settings))

    id_token, answer = await authorize_contract(station, api, case, certificate=pem(contract, sub))

    assert sorted(one.serial_number for one in ocsp.asked) == serial_numbers(contract, sub)
    assert all(isinstance(one.certificate.public_key(), ec.EllipticCurvePublicKey) for one in (contract, sub))
    assert (answer["idTokenInfo"]["status"], answer["certificateStatus"]) == ("Accepted", "Accepted")
    await charge(station, id_token)
