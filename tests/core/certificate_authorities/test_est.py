"""Certificates from an EST server, over TLS."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from citrine_core.certificate_authorities import AuthorityUnavailable, OrderRefused, SigningRequest
from citrine_core.certificate_authorities.est import EstAuthority, EstLogin
from tests.support.est_server import EstServer, est_server
from tests.support.pki import ORGANIZATION, Authority, new_key
from tests.support.signing_requests import signing_request


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EstServer]:
    async with est_server(tmp_path) as running:
        yield running


@pytest.fixture
def authority(server: EstServer, tmp_path: Path) -> EstAuthority:
    return EstAuthority(server.url, EstLogin(tmp_path / "trust.pem", tmp_path / "credential"))


def request() -> SigningRequest:
    return SigningRequest(signing_request("CS-1"), "CS-1", ORGANIZATION)


async def test_a_request_is_signed_and_the_chain_is_complete(server: EstServer, authority: EstAuthority) -> None:
    key = new_key()

    chain = await authority.order(SigningRequest(signing_request("CS-1", key), "CS-1", ORGANIZATION))

    leaf, above, root = x509.load_pem_x509_certificates(chain.encode())
    assert leaf.public_key() == key.public_key()
    assert (above, root) == (server.authority.own.certificate, server.root.own.certificate)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [202, 401, 404, 500, 503])
async def test_what_may_change_is_tried_again(server: EstServer, authority: EstAuthority, status: int) -> None:
    server.status = status

    with pytest.raises(AuthorityUnavailable, match=str(status)):
        await authority.order(request())


async def test_what_is_wrong_with_the_request_is_final(server: EstServer, authority: EstAuthority) -> None:
    server.status = 400

    with pytest.raises(OrderRefused, match="400"):
        await authority.order(request())


@pytest.mark.parametrize("body", [b"no certificate", b"x" * 200_000], ids=["nonsense", "too much"])
async def test_an_answer_that_is_none_is_tried_again(server: EstServer, authority: EstAuthority, body: bytes) -> None:
    server.body = body

    with pytest.raises(AuthorityUnavailable):
        await authority.order(request())


async def test_a_wrong_credential_is_tried_again(server: EstServer, authority: EstAuthority, tmp_path: Path) -> None:
    """An operator mends it while the core runs."""
    (tmp_path / "credential").write_text("user:wrong")
    with pytest.raises(AuthorityUnavailable, match="401"):
        await authority.order(request())

    (tmp_path / "credential").write_text(server.credential)
    await authority.order(request())


async def test_a_server_that_is_not_trusted_is_sent_nothing(
    server: EstServer, authority: EstAuthority, tmp_path: Path
) -> None:
    (tmp_path / "trust.pem").write_text(Authority.root("another").pem)

    with pytest.raises(AuthorityUnavailable, match="can't be reached"):
        await authority.order(request())

    assert server.asked == []
