"""A real browser for the page: Debian's Chromium, driven by Playwright. In CI it must be there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Visit:
    """One opened page, and what happened while it was open."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def rows(self) -> list[str]:
        """The numbers of the runs in the table, top to bottom."""
        return self.page.locator("#table tbody a").all_inner_texts()

    def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true. Playwright's own waiting is refused by the page's policy."""
        end = time.monotonic() + 20
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, condition
            self.page.wait_for_timeout(20)

    def at(self, fragment: str) -> Visit:
        """Follow a link inside the page."""
        self.page.evaluate("fragment => { location.hash = fragment }", fragment)
        return self


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason}: .ci/run installs it")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Module by module, because Playwright's event loop must not be there when asynchronous tests run."""
    path = shutil.which("chromium")
    if path is None:
        _missing("no chromium on the PATH for the tests of the report's page: apt install chromium")
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _missing("no playwright for the tests of the report's page: pip install -e '.[dev]'")
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        except Error as error:
            _missing(f"{path} does not start ({str(error).splitlines()[0]}): apt install chromium")
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a file; after the test, nothing but that file was asked for and nothing was complained about."""
    visits: list[Visit] = []

    def visit(path: Path, fragment: str = "", *, width: int = 1280, **options: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        made = Visit(context.new_page(), path.as_uri())
        visits.append(made)
        made.page.set_default_timeout(20_000)
        made.page.on("request", lambda request: made.requests.append(request.url))
        made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
        made.page.on("console", lambda message: made.complaints.append(message.text))
        made.page.goto(made.url + fragment)
        return made

    yield visit
    for made in visits:
        made.page.context.close()
        assert {url.partition("#")[0] for url in made.requests} == {made.url}
        assert made.complaints == []
