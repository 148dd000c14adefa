"""What a walk looks at in the end, on the walk's own network. Prints what is seen; fails where that is not what is wanted.

python -m tools.walks.look demo URL
python -m tools.walks.look first-device URL TYPE DEVICESN
python -m tools.walks.look month PROMETHEUS DAY
"""

import sys
from collections import Counter
from datetime import datetime

import requests
from playwright.sync_api import Page, expect

from tests.helpers.chromium import chromium, tab
from tests.helpers.expressions import load
from tests.helpers.past_panels import about_readings, ask
from tests.helpers.simulated_day import ZONE

#: Milliseconds: each device is polled within half a minute of the start.
_FIRST_POLLS = 60_000


def main(what: str, url: str, *more: str) -> int:
    """Look."""
    if what == "month":
        _month(url, *more)
        return 0
    with chromium() as browser, tab(browser, url) as (page, complaints):
        page.goto("/devices")
        (_demo if what == "demo" else _first_device)(page, *more)
        assert complaints == []
    return 0


def _demo(page: Page) -> None:
    """All nine devices, each polled, and the two faults of one."""
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(9, timeout=_FIRST_POLLS)
    expect(rows.locator(".waiting")).to_have_count(0, timeout=_FIRST_POLLS)
    expect(rows.filter(has_text="PND0D21507").locator('td[data-title="Faults"]')).to_contain_text("bms_communication")
    for row in rows.all():
        print(" ".join(row.inner_text().split()))


def _first_device(page: Page, device_type: str, sn: str) -> None:
    """The device's own page, which says what the metrics say."""
    page.get_by_role("link", name=sn).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(sn)
    expect(page.locator("body")).to_contain_text("State of charge")
    metrics = requests.get(page.url.partition("/devices")[0] + "/metrics", timeout=10).text
    labels = f'{{deviceSn="{sn}",type="{device_type}"}}'
    found = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("atess_") and labels in line)
    charge = found[f"atess_capacity{labels}"]
    expect(page.locator("body")).to_contain_text(f"{charge} %")
    print(f"{sn}: {len(found)} series, state of charge {charge} %")


def _month(url: str, day: str) -> None:
    """A day of history in every panel of the Device dashboard that shows readings."""
    midnight = int(datetime.fromisoformat(day).replace(tzinfo=ZONE).timestamp())
    shown: Counter[str] = Counter()
    for expression in about_readings(load("device")):
        panel, _, _ = expression.where.rpartition(", ")
        shown[panel] += len(ask(url, expression, midnight, job="atess"))
    for panel, series in shown.items():
        print(f"{panel}: {series} series" if series else f"{panel}: nothing")
    # this one has something where a device's numbers are wrong
    assert [panel for panel, series in shown.items() if not series] == ["Numbers that cannot be"]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
