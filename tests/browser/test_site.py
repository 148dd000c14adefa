"""The built documentation in a real Chromium."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers.chromium import chromium, tab

PATHS = ("/", "/quick-start/", "/reference/fields/", "/configure/keys/", "/contributing/")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    # a network that is asked for anything refuses
    offline = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https", "all")}
    done = subprocess.run(
        command, env=os.environ | offline | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def site(built: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(built)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as it:
        yield it


def test_every_page_of_the_documentation_is_built(built: Path) -> None:
    docs = Path("docs")
    for page in docs.rglob("*.md"):
        name = page.relative_to(docs)
        folder = name.parent if name.stem == "index" else name.with_suffix("")
        assert (built / folder / "index.html").exists(), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_fetches_nothing_from_elsewhere(browser: Browser, site: str, scheme: str) -> None:
    with tab(browser, site, color_scheme=scheme) as (page, complaints):
        fetched: list[str] = []
        page.on("request", lambda request: fetched.append(request.url))
        for path in PATHS:
            page.goto(path)
            expect(page.locator("article h1")).to_be_visible()
        assert page.locator("body").get_attribute("data-md-color-scheme") == {"light": "default", "dark": "slate"}[scheme]
        page.get_by_placeholder("Search").fill("atess_device_up")
        # the index is made in the browser, which takes longer on a busy machine
        expect(page.locator(".md-search-result__item").first).to_contain_text("atess_device_up", timeout=30_000)
        assert [url for url in fetched if not url.startswith(f"{site}/")] == []
        assert complaints == []


def test_a_link_from_a_help_text_leads_to_the_field(browser: Browser, site: str) -> None:
    with tab(browser, site) as (page, _):
        page.goto("/reference/fields/hps_central/#capacity")
        expect(page.locator("tr", has=page.locator("#capacity"))).to_contain_text("state of charge")
        expect(page.locator("#capacity")).to_be_in_viewport()
