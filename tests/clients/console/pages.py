"""What tests of the console share: pages whose complaints are kept, and waiting for what they show."""

from playwright.async_api import ConsoleMessage, Error, Page, expect

from tests.support.waiting import WAIT

__all__ = ["Opened"]

expect.set_options(timeout=WAIT * 1000)


class Opened:
    """A page, and what its scripts and the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(WAIT * 1000)
        page.on("console", self._said)
        page.on("pageerror", self._failed)

    def _said(self, message: ConsoleMessage) -> None:
        # What a dialog is refused has a status that says so, and is shown; so is that there was no answer.
        words = ("the server responded with a status", "net::ERR_FAILED")
        refused = any(one in message.text for one in words) and "/static/" not in message.location["url"]
        if message.type == "error" and not refused:
            self.complaints.append(message.text)

    def _failed(self, error: Error) -> None:
        self.complaints.append(str(error))
