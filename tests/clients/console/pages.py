"""What tests of the console share: pages whose complaints are kept, and waiting for what they show."""

from playwright.async_api import ConsoleMessage, Error, Page, expect

__all__ = ["Opened"]

expect.set_options(timeout=30_000)


class Opened:
    """A page, and what its scripts and the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(30_000)
        page.on("console", self._said)
        page.on("pageerror", self._failed)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _failed(self, error: Error) -> None:
        self.complaints.append(str(error))
