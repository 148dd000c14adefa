"""Two hundred reloads (a thousand with --long), good and bad in turn, while the exporter polls and is scraped."""

import gzip
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.helpers.fakes import samples
from tests.helpers.fixtures import Sized
from tests.helpers.processes import TOKEN, Exporter, device_lists, eventually, exporter, simulated_cloud, write_config

INTERVAL = 2.0
CONCURRENCY = 4

KEPT = [("pbd", f"PBD{n}") for n in range(10)] + [("pcs", f"PCS{n}") for n in range(10)]
ONE = [("bcu", "ONE1"), ("mbms", "ONE2")]
OTHER = [("bcu", "OTHER1"), ("hps_central", "OTHER2")]


class Scraper:
    """Scrapes as fast as it can and keeps what it saw of the devices."""

    def __init__(self, it: Exporter, devices: list[tuple[str, str]]) -> None:
        self.scrapes = 0
        self.missing: list[str] = []
        self._it = it
        self._wanted = {f'atess_device_up{{deviceSn="{sn}",type="{type}"}}' for type, sn in devices}
        self._wanted |= {f'atess_vbat{{deviceSn="{sn}",type="{type}"}}' for type, sn in devices if type == "pbd"}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Scraper":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(0.05):
            page = samples(self._it.page())
            self.missing += [name for name in self._wanted if page.get(name, 0) <= 0]
            self.scrapes += 1


def breakages(folder: Path, good: dict[str, Any]) -> dict[str, Callable[[], None]]:
    """What can be wrong: the reason that is to be told, and a function that makes it so."""

    def change(**sections: Any) -> None:
        write_config(folder / "config.yaml", good | sections)

    def bad_device_file() -> None:
        (folder / "more.yaml").write_text("pbd: [{deviceSn: A, interval: never}]\n")
        change()

    def unreadable_token() -> None:
        change(api=good["api"] | {"token_file": "nowhere"})

    def token_that_is_a_folder() -> None:
        change(api=good["api"] | {"token_file": "."})

    return {
        "not YAML": lambda: void((folder / "config.yaml").write_text("devices: [\n")),
        "cannot be read": lambda: (folder / "config.yaml").unlink(),
        "unknown type": lambda: change(devices={"nonsense": ["A"]}),
        "listed twice": lambda: change(devices={"pbd": ["A", "A"]}),
        "more.yaml:1": bad_device_file,
        "no such file": lambda: change(device_files=["nowhere.yaml"]),
        "cannot read": unreadable_token,
        "Is a directory": token_that_is_a_folder,
        "discovery.datalog_sns": lambda: change(discovery={"datalog_sns": []}),
        "unknown key": lambda: change(nonsense=1),
    }


def void(_: object) -> None:
    pass


def test_reloads_lose_nothing_and_leak_nothing(sized: Sized, tmp_path: Path) -> None:
    # of which half are good
    reloads = sized(short=200, long=1000)
    everyone = [*KEPT, *ONE, *OTHER]
    fleet = ",".join(f"{type}:{sn}" for type, sn in everyone)
    (tmp_path / "token").write_text(TOKEN)
    with simulated_cloud("--devices", fleet) as cloud:
        goods = [
            {
                "api": {"base_url": cloud.url, "requests_per_minute": 6000, "concurrency": CONCURRENCY, "token_file": "token"},
                "poll": {"interval": f"{INTERVAL:g}s"},
                "devices": device_lists([*KEPT, *added]),
                "device_files": ["mor[e].yaml"],
            }
            for added in (ONE, OTHER)
        ]
        with exporter(tmp_path, goods[0], token="") as it, requests.Session() as session:
            process = psutil.Process(it.process.popen.pid)
            eventually(lambda: polled(it) == {sn for _, sn in [*KEPT, *ONE]})
            kept = cloud_connections(process, cloud.url)
            threads, descriptors = process.num_threads(), process.num_fds()
            asked_before, began = asked(cloud.requests()), time.monotonic()
            with Scraper(it, KEPT) as scraper:
                for number in range(reloads // 2):
                    good, added = goods[number % 2], (ONE, OTHER)[number % 2]
                    (tmp_path / "more.yaml").write_text("")
                    write_config(tmp_path / "config.yaml", good)
                    answer = session.post(f"{it.url}/-/reload", timeout=30)
                    assert (answer.status_code, answer.text) == (200, "reloaded\n")
                    broken = breakages(tmp_path, good)
                    reason = list(broken)[number % len(broken)]
                    broken[reason]()
                    answer = session.post(f"{it.url}/-/reload", timeout=30)
                    assert answer.status_code == 500, reason
                    assert reason in answer.text
                    if number % 25 == 0:
                        # the good one is in force, and the bad one is told
                        page = samples(it.page())
                        assert page["atess_exporter_config_last_reload_successful"] == 0
                        assert intervals(page) == {sn for _, sn in [*KEPT, *added]}
                eventually(lambda: scraper.scrapes > 10)
            lasted = time.monotonic() - began
            assert scraper.missing == []
            # every device at its own pace all the while: no reload polled it once more, or kept it from being polled
            counts = asked(cloud.requests())
            for type, sn in KEPT:
                polls = counts[type, sn] - asked_before[type, sn]
                assert polls <= lasted / INTERVAL + 2, (sn, polls, lasted)
            # what the last good config added is polled, and what it has not is gone
            eventually(lambda: polled(it) == {sn for _, sn in [*KEPT, *OTHER]})
            assert "ONE1" not in it.page().decode()
            session.close()
            # a thread for each kind of page and for reloads, a connection to the cloud for each request under way: a leak would
            # be one for each reload
            assert process.num_threads() <= threads + 5
            assert len(cloud_connections(process, cloud.url)) <= CONCURRENCY
            # the account was left alone, and so are its connections
            assert kept
            assert kept <= cloud_connections(process, cloud.url)
            eventually(lambda: process.num_fds() <= descriptors + CONCURRENCY)
            assert "Traceback" not in it.process.output
            assert it.process.output.count('msg="config reloaded"') == reloads // 2
            assert it.process.output.count("config reload failed, keeping the previous config") == reloads // 2


def polled(it: Exporter) -> set[str]:
    """The devices that were read at their last poll."""
    return {sn_of(name) for name, value in samples(it.page()).items() if name.startswith("atess_device_up{") and value == 1}


def intervals(page: dict[str, float]) -> set[str]:
    """The devices on the page, be they polled already or not."""
    return {sn_of(name) for name in page if name.startswith("atess_device_poll_interval_seconds{")}


def sn_of(name: str) -> str:
    return name.partition('deviceSn="')[2].partition('"')[0]


def asked(seen: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """How often the cloud was asked for each device."""
    counts = dict.fromkeys(KEPT, 0)
    for request in seen:
        key = next((key for key in KEPT if key[1] == request["query"].get("deviceSn")), None)
        if key is not None:
            counts[key] += 1
    return counts


def cloud_connections(process: psutil.Process, url: str) -> set[int]:
    """The ports on our side of the connections to the cloud."""
    port = int(url.split(":")[2].partition("/")[0])
    return {
        connection.laddr.port
        for connection in process.net_connections("tcp")
        if connection.raddr and connection.raddr.port == port
    }


def test_a_reload_that_changes_what_a_field_means_changes_its_help(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:A,pcs:B") as cloud:
        good = {
            "api": {"base_url": cloud.url, "requests_per_minute": 6000},
            "poll": {"interval": "300s"},
            "devices": {"pbd": ["A"], "pcs": ["B"]},
        }
        with exporter(tmp_path, good) as it:
            eventually(lambda: polled(it) == {"A", "B"})
            before, values = helps(it), samples_of_devices(it)
            meanings = ("PV power of the roof", "Leistung, größer \\ 0", "x" * 500)
            for meaning in meanings:
                types = {"pbd": {"fields": {"ppv": {"meaning": meaning, "unit": "kW"}}}}
                reload(it, good | {"types": types})
                now = helps(it)
                assert f"pbd: {meaning} (says the config), in kW; " in now.pop("atess_ppv")
                assert now == {name: text for name, text in before.items() if name != "atess_ppv"}
            # another type that knows the field otherwise
            reload(it, good | {"types": {"own": {"path": "own/last", "fields": {"ppv": {"meaning": "Mine"}}}}})
            assert "own: Mine (says the config)" in helps(it)["atess_ppv"]
            reload(it, good)
            assert helps(it) == before
            assert samples_of_devices(it) == values


def reload(it: Exporter, config: dict[str, Any]) -> None:
    write_config(it.config, config)
    requests.post(f"{it.url}/-/reload", timeout=30).raise_for_status()


def helps(it: Exporter) -> dict[str, str]:
    """The HELP of every family of devices, the same in both formats, packed or not, with its length as it is said."""
    found: list[dict[str, str]] = []
    for accept, parse in (("text/plain", parse_text), ("application/openmetrics-text; version=1.0.0", parse_openmetrics)):
        for encoding in ("identity", "gzip"):
            with requests.get(
                f"{it.url}/metrics", headers={"Accept": accept, "Accept-Encoding": encoding}, stream=True
            ) as answer:
                raw = answer.raw.read(decode_content=False)
            assert len(raw) == int(answer.headers["Content-Length"])
            page = gzip.decompress(raw) if encoding == "gzip" else raw
            families = {family.name: family.documentation for family in parse(page.decode())}
            found.append(
                {name: text for name, text in families.items() if not name.startswith(("atess_exporter", "process", "py"))}
            )
    assert found == [found[0]] * 4
    return found[0]


def samples_of_devices(it: Exporter) -> dict[str, float]:
    return {name: value for name, value in samples(it.page()).items() if 'deviceSn="' in name}
