"""A demo with its console, and a browser that is logged in. Both are of a file of tests, whose loop is one."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from citrine_sdk import Citrine
from tests.clients.console.pages import Opened
from tests.clients.scripted_core import core
from tests.support.browser import open_browser
from tests.support.documents_runner import Demo, demo

__all__ = ["core"]

SIZE = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, commands: Path, sqlite_template: Path) -> Iterator[Demo]:
    """A `citrine up` with its demo, which has the tables that a first start would make."""
    directory = tmp_path_factory.mktemp("demo")
    shutil.copy(sqlite_template, directory / "citrine.db")
    with demo(directory, commands) as found:
        yield found


@pytest.fixture(scope="module")
def url(running: Demo) -> str:
    """Where the console of the demo is."""
    return f"http://{running.addresses['8080']}"


@pytest.fixture(scope="module")
def login(running: Demo, url: str) -> str:
    """The address that logs the operator of the demo in."""
    secret = json.loads((running.directory / ".citrine/console-login.json").read_text())["secret"]
    return f"{url}/login/link?secret={secret}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser."""
    async with open_browser() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def citrine(running: Demo) -> AsyncIterator[Citrine]:
    """A client of the core that the console shows."""
    async with Citrine(running.core, key=running.key, tenant="demo") as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, url: str) -> AsyncIterator[BrowserContext]:
    """A browser with no cookies, in Berlin."""
    context = await browser.new_context(viewport=SIZE, timezone_id="Europe/Berlin", locale="en-GB")  # type: ignore[arg-type]
    # A console that does not know the zone of a browser reloads its first page, and what was clicked meanwhile is lost.
    await context.add_cookies([{"name": "citrine_zone", "value": "Europe/Berlin", "url": url}])
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext, login: str) -> AsyncIterator[Page]:
    """A page of who is logged in as the operator of the demo. What its scripts complain about fails the test."""
    opened = Opened(await context.new_page())
    await opened.page.goto(login)
    yield opened.page
    assert opened.complaints == []


@pytest.fixture(scope="module")
def running_key(running: Demo) -> str:
    """The operator's key."""
    return running.key
