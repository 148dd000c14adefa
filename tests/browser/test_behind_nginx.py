"""The demo below /atess/ of a real nginx, which strips that path or does not, in a real Chromium."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from exporter.documentation import SITE
from tests.helpers.chromium import chromium, later, tab
from tests.helpers.nginx import nginx
from tests.helpers.processes import demo_command, eventually, running

EXAMPLE: Final = Path("deploy/nginx/atess-exporter.conf")


@pytest.fixture(scope="module", params=[False, True], ids=["passed on", "stripped"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the exporter is for those who come through nginx, which has the example of deploy/."""
    strips, folder = request.param, tmp_path_factory.mktemp("nginx")
    flags = ["--web.external-url=https://example.org/atess/", *(["--web.route-prefix=/"] if strips else [])]
    with running(demo_command(*flags, INTERVAL=2)) as process:
        exporter = urlsplit(process.wait_for(r"Open (http://\S+)/ ")[1])
        assert exporter.path == ("" if strips else "/atess")
        example = EXAMPLE.read_text(encoding="utf-8")
        assert all(flag in example for flag in flags)
        upstream = "    proxy_pass http://localhost:9837;\n"
        assert example.count(upstream) == 1
        here = f"    proxy_pass http://{exporter.netloc}{'/' if strips else ''};\n"
        (folder / EXAMPLE.name).write_text(example.replace(upstream, here), encoding="utf-8")
        with nginx(folder, f"include {folder}/{EXAMPLE.name};") as (address,):
            url = f"http://{address}/atess/"
            eventually(lambda: devices(url) and all(device["last_poll"] for device in devices(url)), 60)
            yield url


def devices(site: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{site}devices.json", timeout=10)
    answer.raise_for_status()
    return list(answer.json()["devices"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as it:
        yield it


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    with tab(browser, site) as (it, complaints):
        yield it
        assert complaints == []


class _Links(HTMLParser):
    """Collects every address on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ("href", "src", "action") and value}


def links(answer: requests.Response) -> set[str]:
    parser = _Links()
    if answer.headers["Content-Type"].startswith("text/html"):
        parser.feed(answer.text)
    return {urldefrag(urljoin(answer.url, address)).url for address in parser.found}


def test_every_link_of_every_page_answers(site: str, page: Page) -> None:
    answers: dict[str, requests.Response] = {}
    unseen = {site}
    with requests.Session() as session:
        while unseen:
            fresh = {url: session.get(url, timeout=10) for url in unseen}
            assert {url: answer.status_code for url, answer in fresh.items()} == dict.fromkeys(fresh, 200)
            answers |= fresh
            found = set().union(*map(links, fresh.values()))
            unseen = {url for url in found if not url.startswith(SITE)} - answers.keys()
    assert {url for url in answers if not url.startswith(site)} == set()
    pages = {urlsplit(url).path for url, answer in answers.items() if answer.headers["Content-Type"].startswith("text/html")}
    assert pages >= {"/atess/", "/atess/devices", *(f"/atess/devices/{it['type']}/{it['deviceSn']}" for it in devices(site))}
    assert answers.keys() >= {site + path for path in ("metrics", "devices.json", "-/healthy", "-/ready")}
    assert any(url.startswith(f"{site}devices/") and url.endswith(".json") for url in answers)
    # with its styles and its script, and nothing to complain of
    for path in pages:
        page.goto(path)
        assert page.evaluate("getComputedStyle(document.querySelector('header')).display") == "flex", path


def test_what_leads_to_the_pages_ends_there(site: str) -> None:
    for address in (site, site.removesuffix("/")):
        answer = requests.get(address, timeout=10)
        assert (answer.status_code, answer.url) == (200, site)
    assert requests.get(f"{site}nothing", timeout=10).status_code == 404
    assert requests.post(f"{site}-/reload", timeout=10).status_code == 403


def test_sorting_and_filtering(page: Page, site: str) -> None:
    page.goto("")
    page.get_by_role("link", name="Devices", exact=True).first.click()
    expect(page).to_have_url(f"{site}devices")
    page.get_by_role("columnheader", name="Type").get_by_role("link").click()
    expect(page).to_have_url(f"{site}devices?sort=type")
    page.get_by_label("Text").fill("umd0d23202")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(re.escape(f"{site}devices?q=umd0d23202") + ".*sort=type"))
    page.get_by_role("link", name="UMD0D23202").click()
    expect(page).to_have_url(f"{site}devices/pbd/UMD0D23202")
    assert page.locator(".fields tbody tr").count() > 10
    page.get_by_role("link", name="All devices").click()
    expect(page.locator("#rows .sn")).to_have_count(9)


def test_an_open_page_updates_itself(page: Page) -> None:
    page.clock.install()
    page.goto("devices/hps_central/TND0D20233")
    page.evaluate("window.marker = 1")
    before = page.locator(".polls tbody tr").first.inner_text()
    eventually(lambda: later(page, lambda: page.locator(".polls tbody tr").first.inner_text() != before), 60)
    assert page.evaluate("window.marker") == 1, "the page was loaded again"


def test_scrapes_pass_through(site: str) -> None:
    for accept, end in (("text/plain", b"\n"), ("application/openmetrics-text", b"# EOF\n")):
        answer = requests.get(f"{site}metrics", headers={"Accept": accept}, timeout=10)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert b"\natess_ppv{" in answer.content
        assert answer.content.endswith(end)
