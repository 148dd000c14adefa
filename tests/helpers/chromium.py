"""A real headless Chromium: the machine's own, not one that Playwright would download."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

from exporter.web.pages import REFRESH

Result = TypeVar("Result")

#: Milliseconds of a page's clock after which it has looked for newer data.
PERIOD: Final = 1000 * REFRESH + 100

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, "no chromium: run the tests by make test"
    with sync_playwright() as playwright:
        # as root, in a container and with little shared memory, as CI runs it
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: Browser, url: str, **context: Any) -> Iterator[tuple[Page, list[str]]]:
    """A fresh page of a browser, for addresses below `url`, and what it complains of: errors, warnings, broken policies."""
    with browser.new_context(base_url=url, **context) as fresh:
        page = fresh.new_page()
        page.set_default_timeout(30_000)
        complaints: list[str] = []

        def heard(it: ConsoleMessage) -> None:
            if it.type in ("error", "warning"):
                complaints.append(f"{it.type}: {it.text}")

        def asked(it: Dialog) -> None:
            complaints.append(f"dialog: {it.message}")
            it.dismiss()

        def failed(it: Request) -> None:
            # a page that is left gives up what it was fetching
            if it.failure != "net::ERR_ABORTED":
                complaints.append(f"failed: {it.url}: {it.failure}")

        page.on("console", heard)
        page.on("dialog", asked)
        page.on("pageerror", lambda complaint: complaints.append(f"exception: {complaint}"))
        page.on("requestfailed", failed)
        yield page, complaints


def later(page: Page, what: Callable[[], Result]) -> Result:
    """What `what` returns when the page's own clock, once installed, has been put forward to its next update."""
    page.clock.run_for(PERIOD)
    return what()
