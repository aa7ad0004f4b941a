"""A browser that tests drive: the chromium that `make test` unpacks, headless."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

__all__ = ["COLOURS", "SCREENSHOTS", "axe_findings", "open_browser"]

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / ".browser"

SCREENSHOTS = _ROOT / ".screenshots" if os.environ.get("CITRINE_TEST_SCREENSHOTS") else None
"""Where tests leave pictures of pages, for people to look at. None: nobody asked for them."""

GRAVE = frozenset({"serious", "critical"})
"""Findings of axe that no page may have."""

COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that are about colours."""


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Run a browser within the block. CITRINE_TEST_CHROMIUM names another program than the unpacked one."""
    libraries = ":".join(filter(None, (str(_FOLDER / "al2023/lib"), os.environ.get("LD_LIBRARY_PATH", ""))))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CITRINE_TEST_CHROMIUM") or _FOLDER / "chromium",
            args=["--no-sandbox", "--no-zygote", "--disable-gpu", "--font-render-hinting=none"],
            env={**os.environ, "LD_LIBRARY_PATH": libraries, "FONTCONFIG_FILE": str(_FOLDER / "fonts.conf")},
        )
        try:
            yield browser
        finally:
            await browser.close()


async def axe_findings(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Return the grave findings of axe-core on a page, each with the elements that it is about.

    Args:
        page: Which is shown.
        rules: By some of its rules; empty: by all.
    """
    # By the debugger of the browser, which no Content-Security-Policy binds.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate((_FOLDER / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = await page.evaluate(
        "rules => axe.run(document, {resultTypes: ['violations'], ...(rules.length ? {runOnly: rules} : {})})",
        list(rules),
    )
    return [
        f"{one['id']}: {one['help']} ({', '.join(str(node['target'][0]) for node in one['nodes'][:5])})"
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]
