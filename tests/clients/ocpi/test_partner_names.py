"""Several partners at one address: a connection is good for the name alone that its certificate was verified for."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from citrine_ocpi.metrics import Metrics
from citrine_ocpi.partner import Partner
from citrine_ocpi.transport.client import PartnerClient, PartnerFailed
from tests.support.pki import Authority, Certified


def context(certified: Certified, directory: Path) -> ssl.SSLContext:
    """Return the context of a server with a certificate."""
    found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    found.load_cert_chain(*certified.write(directory, str(certified.certificate.serial_number)))
    return found


async def test_the_token_of_a_partner_goes_over_no_connection_that_was_verified_for_another_name(
    tmp_path: Path,
) -> None:
    """An ingress has a certificate for localhost, and for whoever names nobody first a wrong one, then its own."""
    authority = Authority.root()
    of_name = context(authority.issue("a", dns=["localhost"]), tmp_path)
    others = context(authority.issue("b", dns=["other.example"]), tmp_path)
    names: list[str | None] = []
    tokens: list[str] = []

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        names.append(name)
        if name == "localhost":
            connection.context = of_name

    async def answer(request: web.Request) -> web.Response:
        tokens.append(request.headers["Authorization"])
        return web.json_response({"data": None, "status_code": 1000, "timestamp": datetime.now(UTC).isoformat()})

    others.sni_callback = choose
    app = web.Application()
    app.router.add_get("/versions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    client = PartnerClient(Metrics(), allow_insecure=True, verify=ssl.create_default_context(cadata=authority.pem))
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=others).start()
        first, second = (
            Partner(
                host, is_raw=True, token=f"of-{host}", versions_url=f"https://{host}:{runner.addresses[0][1]}/versions"
            )
            for host in ("localhost", "127.0.0.1")
        )

        async def ask(partner: Partner) -> None:
            await client.send(partner, "GET", partner.versions_url, module="versions")

        await ask(first)
        with pytest.raises(PartnerFailed, match="can't be reached"):
            await ask(second)
        assert tokens == ["Token of-localhost"]

        others.load_cert_chain(*authority.server().write(tmp_path, "own"))
        await ask(second)
        await ask(first)
    finally:
        await client.close()
        await runner.cleanup()

    assert tokens == ["Token of-localhost", "Token of-127.0.0.1", "Token of-localhost"]
    # The first connection is used again, for its own name.
    assert names == ["localhost", None, None]
