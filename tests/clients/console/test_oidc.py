"""Log-in by an OpenID Connect provider: who gets in, with which rights, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.support.core import running_core
from tests.support.deployment import Process, free_port
from tests.support.issuer import AUDIENCE, Issuer, issuer
from tests.support.waiting import WAIT

__all__ = ["issuer"]


@asynccontextmanager
async def console(issuer: Issuer, database: str, directory: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Run a core and a console of a provider; yield a browser, as far as HTTP goes."""
    async with running_core(
        database, directory, oidc_issuer=issuer.url, oidc_audience=AUDIENCE, oidc_roles="chief=viewer"
    ) as core:
        address = f"127.0.0.1:{free_port()}"
        process = Process(
            "console",
            ["console"],
            {
                "CITRINE_CONSOLE_LISTEN": address,
                "CITRINE_CONSOLE_PUBLIC_URL": f"http://{address}",
                "CITRINE_CORE": core.address,
                "CITRINE_CONSOLE_OIDC_ISSUER": issuer.url,
                "CITRINE_CONSOLE_OIDC_CLIENT_ID": "citrine-console",
            },
            directory,
        )
        process.start()
        try:
            await process.ready()
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(f"http://{address}", cookie_jar=jar) as browser:
                yield browser
        finally:
            assert process.stop() == 0, process.log.read_text()


async def text(browser: aiohttp.ClientSession, path: str) -> str:
    async with browser.get(path) as answer:
        return await answer.text()


async def test_who_logs_in_at_the_provider_has_the_rights_of_its_roles_as_long_as_the_provider_says(
    sqlite_url: str, tmp_path: Path, issuer: Issuer
) -> None:
    issuer.claims = {"tenant": "default", "scope": "chief", "name": "Alice"}
    # The core allows a minute beyond the end of a token; it is refreshed at half of its time.
    issuer.lifetime = 4
    async with console(issuer, sqlite_url, tmp_path) as browser:
        assert "Log in with your organisation" in await text(browser, "/login")

        overview = await text(browser, "/login/oidc?next=/stations")

        assert "There is no station yet." in overview
        assert "/keys" not in overview
        async with asyncio.timeout(WAIT):
            while issuer.refreshes < 2:
                assert "There is no station yet." in await text(browser, "/stations")
                await asyncio.sleep(0.2)


async def test_a_log_in_that_was_not_begun_in_this_browser_is_refused(
    sqlite_url: str, tmp_path: Path, issuer: Issuer
) -> None:
    issuer.claims = {"tenant": "default", "scope": "chief"}
    async with console(issuer, sqlite_url, tmp_path) as browser:
        async with browser.get("/login/oidc", allow_redirects=False) as answer:
            at_provider = answer.headers["location"]
        async with aiohttp.ClientSession() as other, other.get(at_provider, allow_redirects=False) as answer:
            back = answer.headers["location"]

        # The link of somebody else, with the code of their log-in.
        async with aiohttp.ClientSession() as victim, victim.get(back) as answer:
            refused = (answer.status, await answer.text())
        async with browser.get("/login/oidc/callback?error=access_denied") as answer:
            denied = (answer.status, await answer.text())

    assert refused[0] == 502
    assert "You could not be logged in" in refused[1]
    assert denied[0] == 401
    assert "access_denied" in denied[1]
