"""The pages of the demo in a real Chromium."""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, Page, expect

from exporter.commands import demo as exporter_demo
from exporter.documentation import SITE
from tests.helpers.chromium import PERIOD, chromium, later, tab
from tests.helpers.fixtures import Sized
from tests.helpers.processes import Process, demo_command, eventually, running

DEVICE = "/devices/hps_central/TND0D20233"
PATHS = (
    "/",
    "/devices",
    "/devices?q=no+such+device",
    DEVICE,
    f"{DEVICE}?q=volt",
    f"{DEVICE}?q=no+such+field",
    "/devices/pbd/nobody",
)
FROZEN = "TND0D20234"


@pytest.fixture(scope="module")
def demo(sized: Sized) -> Iterator[str]:
    interval = sized(short=2, long=exporter_demo.INTERVAL)
    with running(demo_command(INTERVAL=interval, STALE_AFTER=sized(short=20, long=exporter_demo.STALE_AFTER))) as process:
        yield started(process)


def started(process: Process) -> str:
    url = process.wait_for(r"Open (http://\S+)/ ")[1]
    eventually(lambda: devices(url) and all(device["last_poll"] for device in devices(url)), 60)
    return url


def devices(url: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{url}/devices.json", timeout=10)
    answer.raise_for_status()
    return list(answer.json()["devices"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as it:
        yield it


@pytest.fixture
def page(browser: Browser, demo: str) -> Iterator[Page]:
    with tab(browser, demo) as (it, complaints):
        yield it
        assert complaints == []


def serials(page: Page) -> list[str]:
    return page.locator("#rows .sn").all_inner_texts()


def column(page: Page, title: str) -> list[str]:
    return page.locator(f'#rows td[data-title="{title}"]').all_inner_texts()


def test_the_landing_page_leads_everywhere(page: Page, demo: str) -> None:
    page.goto("/")
    assert "simulated" in page.locator(".demo").inner_text()
    addresses = {str(link.get_attribute("href")) for link in page.locator("a").all()} - {SITE}
    links = {urlsplit(address).path for address in addresses}
    assert links >= {"/metrics", "/devices", "/devices.json", "/-/healthy", "/-/ready"}
    for path in links - {""}:
        assert requests.get(demo + path, timeout=10).status_code == 200, path
    page.get_by_role("link", name="Devices", exact=True).first.click()
    expect(page).to_have_title("Devices · ATESS exporter")


def test_every_device_is_in_the_table(page: Page, demo: str) -> None:
    page.goto("/devices?sort=device")
    assert serials(page) == sorted(device["deviceSn"] for device in devices(demo))
    page.goto("/devices/bcu/BCD0D24101")
    assert "datalogSn DLD0D20001" in page.locator("#facts").inner_text()


def test_sorting(page: Page) -> None:
    page.goto("/devices")
    header = page.get_by_role("columnheader", name="Type")
    header.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"\?sort=type$"))
    up = column(page, "Type")
    assert up == sorted(up)
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"\?sort=-type$"))
    assert column(page, "Type") == up[::-1]
    assert len(set(up)) == 6
    assert header.get_attribute("aria-sort") == "descending"


def test_filtering_by_text_and_by_state(page: Page) -> None:
    page.goto("/devices?sort=-device")
    page.get_by_label("Text").fill("PBD dld0d20001")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("q=PBD"))
    assert serials(page) == ["UMD0D23203", "UMD0D23202"]
    assert page.get_by_label("Text").input_value() == "PBD dld0d20001"
    page.get_by_label("State").select_option("waiting")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No device matches this filter.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#rows .sn")).to_have_count(9)
    # the numbers on top are links to just those
    page.locator("#counts").get_by_role("link", name="waiting").click()
    expect(page.get_by_text("No device matches this filter.")).to_be_visible()


def test_a_device_shows_its_reading_field_by_field(page: Page, demo: str) -> None:
    page.goto("/devices")
    page.get_by_role("link", name="TND0D20233").click()
    expect(page).to_have_url(demo + DEVICE)
    rows = {
        row[0]: row
        for row in (entry.locator("th, td").all_inner_texts() for entry in page.locator(".fields tbody tr:not(.group)").all())
    }
    _, value, unit, meaning, metric, evidence = rows["vbat"]
    assert (unit.strip(), metric, evidence) == ("V", "atess_vbat", "S")
    assert float(value) > 0
    assert meaning == "Battery voltage N"
    assert any((row[3], row[5]) == ("not described", "?") for row in rows.values())
    titles = page.locator(".fields .group").all_inner_texts()
    assert titles[:4] == ["PV", "Battery", "Cells", "Grid"]
    assert page.locator("#now").inner_text().startswith("State")
    polls = page.locator(".polls tbody tr").all_inner_texts()
    assert 1 <= len(polls) <= 20
    assert all(poll.endswith("reading") for poll in polls)


def names(page: Page) -> list[str]:
    return page.locator("#reading .values tbody tr:not(.group) th").all_inner_texts()


def test_a_search_within_a_devices_fields(page: Page) -> None:
    page.clock.install()
    page.goto(DEVICE)
    everything = names(page)
    page.get_by_label("Field").focus()
    page.keyboard.type("VBAT volt")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?q=VBAT\+volt#reading-title$"))
    found = names(page)
    assert "vbat" in found
    assert 0 < len(found) < 10
    assert page.locator(".fields .group").all_inner_texts() == ["Battery"]
    expect(page.locator("#reading")).to_contain_text(f"{len(found)} of ")
    assert page.get_by_label("Field").input_value() == "VBAT volt"
    # an update shows newer values of the same rows, and leaves a text that is being typed
    page.get_by_label("Field").fill("half a wo")
    before = page.locator(".polls tbody tr").first.inner_text()
    eventually(lambda: later(page, lambda: page.locator(".polls tbody tr").first.inner_text() != before), 60)
    assert names(page) == found
    expect(page.get_by_label("Field")).to_be_focused()
    assert page.get_by_label("Field").input_value() == "half a wo"
    page.get_by_label("Field").fill("no such field")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#reading")).to_contain_text("No field matches")
    assert names(page) == []
    page.get_by_role("link", name="Show all").click()
    expect(page).to_have_url(re.compile(f"{DEVICE}#reading-title$"))
    assert names(page) == everything


def test_who_opens_the_documentation_does_not_tell_it_from_where(page: Page) -> None:
    asked: list[tuple[str, str | None]] = []
    page.route(f"{SITE}**", lambda route: route.fulfill(body="fine"))
    page.on("request", lambda it: asked.append((it.url, it.headers.get("referer"))) if it.url.startswith(SITE) else None)
    page.goto(DEVICE)
    page.get_by_role("link", name="vbat", exact=True).click()
    expect(page.get_by_text("fine")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Documentation").click()
    expect(page.get_by_text("fine")).to_be_visible()
    assert [(url.partition("#")[0], referrer) for url, referrer in asked] == [
        (f"{SITE}reference/fields/hps_central/", None),
        (SITE, None),
    ]


def test_a_device_shows_its_settings_once_they_are_read(page: Page, demo: str) -> None:
    page.clock.install()
    page.goto(DEVICE)
    valley = page.locator(".settings tbody tr", has_text="valleyPeriodTime5")
    eventually(lambda: later(page, lambda: valley.count() == 1), 60)
    name, value, unit, _, metric, evidence = valley.locator("th, td").all_inner_texts()
    assert (name, value.split(), unit) == ("valleyPeriodTime5", ["30600", "08:30"], "s")
    assert (metric, evidence) == ("atess_setting_valley_period_time5_seconds", "D")
    assert requests.get(f"{demo}{DEVICE}.json", timeout=10).json()["settings"][-1]["field"] == "valleyPeriodTime5"


def test_an_open_page_shows_newer_data_by_itself(page: Page) -> None:
    page.clock.install()
    page.goto(DEVICE)
    page.evaluate("window.marker = 1")

    def shown() -> tuple[str, str, str]:
        return (
            page.locator("#asof").inner_text(),
            page.locator(".polls tbody tr").first.inner_text(),
            page.locator(".fields").inner_text(),
        )

    before = shown()
    eventually(lambda: later(page, lambda: all(map(operator.ne, before, shown()))), 60)
    assert page.evaluate("window.marker") == 1, "the page was loaded again"


def test_an_update_takes_nothing_out_of_the_readers_hands(page: Page) -> None:
    page.clock.install()
    page.goto("/devices")
    page.get_by_label("Text").fill("half a wo")
    link = page.get_by_role("link", name="UMD0D23202")
    link.focus()
    before = page.locator("#rows").inner_text()
    eventually(lambda: later(page, lambda: page.locator("#rows").inner_text() != before))
    expect(link).to_be_focused()
    assert page.get_by_label("Text").input_value() == "half a wo"


def test_updates_can_be_paused(page: Page) -> None:
    page.clock.install()
    page.goto("/devices")
    button = page.get_by_role("button", name="Pause updates")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    before = page.locator("#asof").inner_text()
    fetches: list[str] = []
    page.on("request", lambda entry: fetches.append(entry.url))
    page.clock.run_for(10 * PERIOD)
    assert (fetches, page.locator("#asof").inner_text()) == ([], before)
    button.click()
    eventually(lambda: later(page, lambda: page.locator("#asof").inner_text() != before))


def test_a_page_says_so_while_the_exporter_does_not_answer(browser: Browser, demo: str) -> None:
    with tab(browser, demo) as (page, _):
        page.clock.install()
        page.goto("/devices")
        trouble = page.get_by_role("status")
        assert trouble.inner_text() == ""
        page.context.set_offline(True)
        eventually(lambda: later(page, lambda: "does not answer" in trouble.inner_text()))
        assert len(serials(page)) == 9
        page.context.set_offline(False)
        eventually(lambda: later(page, lambda: trouble.inner_text() == ""))


@pytest.mark.parametrize("path", PATHS)
def test_dark_and_light(browser: Browser, demo: str, path: str) -> None:
    backgrounds = {}
    for scheme in ("light", "dark"):
        with tab(browser, demo, color_scheme=scheme) as (page, _):
            page.goto(path)
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            backgrounds[scheme] = sum(map(int, re.findall(r"\d+", colour)[:3])) / 765
    assert backgrounds["light"] > 0.9
    assert backgrounds["dark"] < 0.15


@pytest.mark.parametrize("width", [320, 375, 768, 1024])
def test_no_page_scrolls_sideways(browser: Browser, demo: str, width: int) -> None:
    with tab(browser, demo, viewport={"width": width, "height": 700}) as (page, _):
        for path in PATHS:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_phone_can_sort_filter_and_open(browser: Browser, demo: str) -> None:
    with tab(browser, demo, viewport={"width": 375, "height": 700}, is_mobile=True, has_touch=True) as (page, complaints):
        page.goto("/devices")
        page.get_by_role("link", name="Type", exact=True).tap()
        expect(page).to_have_url(re.compile("sort=type"))
        page.get_by_label("Text").fill("UMD0D23202")
        page.get_by_role("button", name="Filter").tap()
        page.get_by_role("link", name="UMD0D23202").tap()
        expect(page.get_by_role("heading", name="UMD0D23202")).to_be_visible()
        assert complaints == []


_FOCUS = """() => {
    const it = document.activeElement;
    const style = getComputedStyle(it);
    return [it.matches("a, button, input, select, summary") ? (it.name || it.textContent.trim()) : null,
            style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1];
}"""


def test_the_keyboard_alone_will_do(page: Page) -> None:
    page.goto("/devices")
    reached: list[str | None] = []
    while (not reached or reached[-1] is not None) and len(reached) < 60:
        page.keyboard.press("Tab")
        name, ring = page.evaluate(_FOCUS)
        assert ring or name is None, f"nothing shows that {name!r} has the focus"
        reached.append(name)
    wanted = ["Skip to the content", "Devices", "Pause updates", "q", "state", "Filter", "Type", "UMD0D23202"]
    assert [name for name in reached if name in wanted] == wanted
    page.get_by_label("Text").focus()
    page.keyboard.type("mbms")
    page.keyboard.press("Enter")
    expect(page.locator("#rows .sn")).to_have_text(["MBD0D24001"])
    page.get_by_role("link", name="Type", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=mbms&sort=type"))


def test_without_javascript_everything_but_the_refresh_works(browser: Browser, demo: str) -> None:
    with tab(browser, demo, java_script_enabled=False) as (page, complaints):
        page.goto("/devices")
        expect(page.locator("#pause")).to_be_hidden()
        page.get_by_role("link", name="Type", exact=True).click()
        expect(page).to_have_url(re.compile("sort=type"))
        page.get_by_label("Text").fill("hps_string")
        page.get_by_role("button", name="Filter").click()
        page.get_by_role("link", name="TSD0D22019").click()
        expect(page.get_by_role("heading", name="TSD0D22019")).to_be_visible()
        assert page.locator(".fields tbody tr").count() > 10
        page.get_by_label("Field").fill("atess_vbat")
        page.get_by_role("button", name="Search").click()
        expect(page.locator(".fields tbody tr:not(.group) th")).to_have_text(["vbat"])
        assert complaints == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("look", [("light", 1280), ("dark", 1280), ("light", 375)])
def test_axe_finds_nothing_serious(browser: Browser, demo: str, path: str, look: tuple[str, int]) -> None:
    scheme, width = look
    with tab(browser, demo, color_scheme=scheme, viewport={"width": width, "height": 800}) as (page, _):
        page.goto(path)
        if path == "/devices":
            page.locator("summary").click()
        found = Axe().run(page)
        serious = [violation for violation in found.response["violations"] if violation["impact"] in ("serious", "critical")]
        assert serious == [], found.generate_report()
        assert len(found.response["passes"]) > 10


_INLINE: dict[str, Callable[[Page], object]] = {
    "script": lambda page: page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.harm = 1'}))"
    ),
    "handler": lambda page: page.evaluate(
        "document.body.setAttribute('onclick', 'window.harm = 1'); document.body.click()"
    ),
    "style": lambda page: page.evaluate("document.body.setAttribute('style', 'color: red')"),
    "image from elsewhere": lambda page: page.evaluate(
        "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.2/x.png'}))"
    ),
}  # fmt: skip


@pytest.mark.parametrize("inline", _INLINE)
def test_the_policy_stops_what_would_be_injected(browser: Browser, demo: str, inline: str) -> None:
    with tab(browser, demo) as (page, complaints):
        page.goto("/devices")
        _INLINE[inline](page)
        eventually(lambda: page.evaluate("0") or any("Content Security Policy" in complaint for complaint in complaints), 10)
        assert page.evaluate("window.harm") is None


@pytest.mark.timeout(200)
def test_a_device_that_stands_still_is_stale(page: Page, demo: str) -> None:
    eventually(lambda: any(device["state"] == "stale" for device in devices(demo)), 120)
    page.goto("/devices?state=stale")
    assert serials(page) == [FROZEN]
    assert "frozen" in page.locator("#rows .states").inner_text()
    page.get_by_role("link", name=FROZEN).click()
    expect(page.locator("#reading")).to_contain_text("The values are stale")
    assert page.locator(".fields").count() == 0
