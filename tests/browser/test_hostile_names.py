"""Names, labels and messages that would do harm if anything took them for more than text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.simulator import SimClock, SimDevice
from exporter.web.formatting import device_url
from tests.helpers.chromium import chromium, later, tab
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.processes import TOKEN, Exporter, eventually, exporter

SCRIPT = "<script>window.harm=1</script>"
NAMES = (
    SCRIPT,
    '"><img src=x onerror=window.harm=1>',
    "</title></script><svg onload=window.harm=1>",
    "' onmouseover='window.harm=1",
    "javascript:window.harm=1",
    "{{ 7 * 7 }}{% for %}",
    "two\nlines\tand a tab",
    "emoji \U0001f50b☀️",
    "right to left \u202egnirts\u202c \u200f",
    "back\\slash \\n",
    "a/b?c=d#e&f=g;h",
    "%3Cscript%3E%00%2e",
    "../../etc/passwd",
    "X",
    "X.json",
    "Y.json",
    "/",
    "\x1b[31mred\x07",
    "x" * 128,
)
FOLDERS = (".", "..")
MESSAGE = f"{SCRIPT}\"'\n\x1b[31m\u202e🔋"


@dataclass(frozen=True)
class Bench:
    exporter: Exporter
    url: str


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    names = NAMES + FOLDERS
    cloud = FaultyCloud([SimDevice("pbd", name) for name in names], SimClock(datetime.now(UTC), timezone=UTC), token=TOKEN)
    cloud.faults.set("pbd", NAMES[0], "code_500", msg=MESSAGE)
    cloud.faults.set("pbd", NAMES[1], "code_500", msg=f"no such token: {TOKEN}, {TOKEN.split()[1]}")
    cloud.faults.set("pbd", NAMES[2], "surrogates")
    cloud.faults.set("pbd", NAMES[3], "some_words")
    with serve(cloud) as served:
        config = {
            "api": {"base_url": served.url, "requests_per_minute": 6000},
            "poll": {"interval": "2s"},
            "devices": {"pbd": [{"deviceSn": name, "info": {"site": name}} for name in names]},
        }
        with exporter(tmp_path_factory.mktemp("hostile"), config, "--log.level", "debug") as it:
            counts = {"failing": 2, "gone": 0, "stale": 0, "waiting": 0, "up": len(names) - 2}
            eventually(lambda: it.get("/devices.json").json()["counts"] == counts, 60)
            yield Bench(it, it.url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as it:
        yield it


def shown(text: str) -> str:
    """Text as a page shows it: HTML runs white space together."""
    return re.sub(r"\s+", " ", text)


def test_names_and_labels_are_text_in_the_table(browser: Browser, bench: Bench) -> None:
    with tab(browser, bench.url) as (page, complaints):
        page.goto("/devices")
        names = [shown(text) for text in page.locator("#rows .sn").all_text_contents()]
        assert sorted(names) == sorted(map(shown, NAMES + FOLDERS))
        labels = [shown(text).strip() for text in page.locator("#rows .label bdi").all_text_contents()]
        assert sorted(labels) == sorted(shown(name).strip() for name in NAMES + FOLDERS)
        page.locator("#rows tr").first.hover()
        assert page.locator("#rows img, #rows svg, #rows script").count() == 0
        assert page.evaluate("window.harm") is None
        assert complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_the_link_of_a_name_leads_to_its_device(browser: Browser, bench: Bench, name: str) -> None:
    with tab(browser, bench.url) as (page, complaints):
        page.goto("/devices")
        number = page.locator("#rows .sn").all_text_contents().index(name)
        page.locator("#rows .sn").nth(number).get_by_role("link").click()
        assert page.locator("h1").text_content() == name
        # no title shows a control character
        assert shown(re.sub(r"[\x07\x1b]", "", name)).strip() in shown(page.title())
        assert page.locator("main :is(img, svg, script)").count() == 0
        assert page.evaluate("window.harm") is None
        assert complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_scripts_find_every_device_by_its_name(bench: Bench, name: str) -> None:
    url = device_url("pbd", name)
    assert url is not None
    answer = bench.exporter.get(url, Accept="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["deviceSn"] == name
    assert answer.json()["info"] == {"site": name}


def test_a_name_that_ends_like_a_document_is_a_name_first(bench: Bench) -> None:
    def asked(path: str, **headers: str) -> tuple[str, str | None]:
        answer = bench.exporter.get(f"/devices/pbd/{path}", **headers)
        kind = answer.headers["Content-Type"].partition(";")[0]
        return kind, answer.json()["deviceSn"] if kind == "application/json" else None

    assert asked("X") == ("text/html", None)
    assert asked("X.json") == ("text/html", None)
    assert asked("X.json.json") == ("application/json", "X.json")
    assert asked("X", Accept="application/json") == ("application/json", "X")
    assert asked("Y.json") == ("text/html", None)
    assert bench.exporter.get("/devices/pbd/Y").status_code == 404
    assert asked("emoji%20%F0%9F%94%8B%E2%98%80%EF%B8%8F.json") == ("application/json", NAMES[7])


def test_folders_names_have_no_link_that_would_lead_elsewhere(browser: Browser, bench: Bench) -> None:
    with tab(browser, bench.url) as (page, _):
        page.goto("/devices")
        for name in FOLDERS:
            number = page.locator("#rows .sn").all_text_contents().index(name)
            assert page.locator("#rows .sn").nth(number).get_by_role("link").count() == 0


def test_a_message_of_the_cloud_is_text(browser: Browser, bench: Bench) -> None:
    with tab(browser, bench.url) as (page, complaints):
        page.clock.install()
        page.goto(str(device_url("pbd", NAMES[0])))
        before = page.locator("#asof").inner_text()
        # also in what the page has fetched by itself
        eventually(lambda: later(page, lambda: page.locator("#asof").inner_text() != before))
        assert f"code 500: {MESSAGE}" in str(page.locator("#facts").text_content())
        assert page.evaluate("window.harm") is None
        page.goto(str(device_url("pbd", NAMES[2])))
        assert "ppv\\ud800" in str(page.locator(".fields").text_content())
        assert complaints == []


@pytest.mark.parametrize("width", [320, 1024])
def test_a_text_of_the_cloud_is_text(browser: Browser, bench: Bench, width: int) -> None:
    with tab(browser, bench.url, viewport={"width": width, "height": 700}) as (page, complaints):
        page.goto(str(device_url("pbd", NAMES[3])))
        rows = [row.locator("th, td").all_text_contents() for row in page.locator(".texts tbody tr").all()]
        assert [text for _, text in rows] == ["idle", "--", SCRIPT, "a\\tb\\x00c", "x" * 199 + "…"]
        assert rows[-1][0] == "w" * 199 + "…"
        assert page.evaluate("window.harm") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        serious = [found for found in Axe().run(page).response["violations"] if found["impact"] in ("serious", "critical")]
        assert (serious, complaints) == ([], [])


def test_a_search_and_an_address_are_text(browser: Browser, bench: Bench) -> None:
    with tab(browser, bench.url) as (page, complaints):
        page.goto("/devices")
        page.get_by_label("Text").fill('"><script>window.harm=1</script>')
        page.get_by_role("button", name="Filter").click()
        assert page.get_by_label("Text").input_value() == '"><script>window.harm=1</script>'
        page.get_by_role("link", name="Type", exact=True).click()
        assert page.get_by_label("Text").input_value() == '"><script>window.harm=1</script>'
        assert page.evaluate("window.harm") is None
        assert complaints == []
        page.goto("/devices/pbd/<script>window.harm=1</script>")
        assert page.evaluate("window.harm") is None


def test_no_page_repeats_the_token_that_the_cloud_repeats(bench: Bench) -> None:
    url = str(device_url("pbd", NAMES[1]))
    for answer in (bench.exporter.get(url), bench.exporter.get(url, Accept="application/json")):
        assert "no such token: &lt;redacted&gt;" in answer.text or "no such token: <redacted>" in answer.text
        assert TOKEN.split()[1] not in answer.text
    assert TOKEN.split()[1] not in bench.exporter.process.output


def test_the_exposition_carries_every_name_whole(bench: Bench) -> None:
    text = bench.exporter.get("/metrics").text
    openmetrics = bench.exporter.get("/metrics", Accept="application/openmetrics-text").text
    for parse, page in ((parse_text, text), (parse_openmetrics, openmetrics)):
        families = {family.name: family for family in parse(page)}  # type: ignore[no-untyped-call, unused-ignore]
        labels = [sample.labels for sample in families["atess_device_info"].samples]
        assert sorted(entry["deviceSn"] for entry in labels) == sorted(NAMES + FOLDERS)
        assert all(entry["site"] == entry["deviceSn"] for entry in labels)


def test_logs_have_one_line_an_event_and_nothing_that_steers_a_terminal(bench: Bench) -> None:
    lines = bench.exporter.process.lines
    assert any("window.harm" in line for line in lines)
    for line in lines:
        assert line.startswith("ts="), line
        assert not re.search("[\x00-\x08\x0a-\x1f\x7f\u202a-\u202e\u200e\u200f]", line), line
