"""Scrapes of a part of the metrics, by type and by name, from the whole exporter."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.helpers.fakes import samples
from tests.helpers.processes import Exporter, Prometheus, eventually, exporter, prometheus_server, simulated_cloud

DEVICES = {"pbd": ["UMD1", "UMD2"], "pcs": ["PCD1"], "hps_central": ["TND1"]}
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    devices = ",".join(f"{kind}:{sn}" for kind, sns in DEVICES.items() for sn in sns)
    with simulated_cloud("--devices", devices) as cloud:
        config = {"api": {"base_url": cloud.url, "requests_per_minute": 600}, "devices": DEVICES}
        with exporter(tmp_path_factory.mktemp("exporter"), config) as found:
            eventually(lambda: found.page().count(b"\natess_device_up{") == 4)
            yield found


def part(it: Exporter, query: str, **headers: str) -> str:
    answer = it.get(f"/metrics?{query}", **headers)
    assert answer.status_code == 200
    return answer.text


def names(text: str) -> set[str]:
    return {sample.split("{")[0].split(" ")[0] for sample in samples(text.encode())}


def test_the_parts_of_the_types_and_of_none_are_the_whole(it: Exporter) -> None:
    whole = samples(it.page()).keys()
    known = {json.loads(f'"{sample.split(chr(34))[1]}"') for sample in whole if sample.startswith("atess_exporter_devices{")}
    parts = [samples(part(it, f"type={kind}").encode()).keys() for kind in ("", *known)]
    assert set().union(*parts) == whole
    assert sum(map(len, parts)) == len(whole)
    pbd = samples(part(it, "type=pbd").encode())
    assert {"atess_ppv", "atess_device_up", "atess_exporter_devices"} <= names(part(it, "type=pbd"))
    assert all('type="pbd"' in sample for sample in pbd)
    two = samples(part(it, "type=pbd&type=pcs").encode()).keys()
    assert two == pbd.keys() | samples(part(it, "type=pcs").encode()).keys()


def test_names_and_types_together_select_what_has_both(it: Exporter) -> None:
    query = "name%5B%5D=atess_ppv&name[]=atess_exporter_devices&name[]=no_such_metric"
    assert names(part(it, query)) == {"atess_ppv", "atess_exporter_devices"}
    assert set(samples(part(it, f"{query}&type=pbd").encode())) == {
        *(f'atess_ppv{{deviceSn="{sn}",type="pbd"}}' for sn in DEVICES["pbd"]),
        'atess_exporter_devices{type="pbd"}',
    }
    assert names(part(it, "name[]=process_open_fds")) == {"process_open_fds"}
    # as prometheus_client has it, names that are empty select nothing and so everything
    assert names(part(it, "name[]=")) == names(it.page().decode())


@pytest.mark.parametrize("query", ["type=pbd", "name[]=atess_ppv", "name[]=no_such_metric", "type=", "type=bcu&name[]=atess_ppv"])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_part_is_a_whole_answer_in_either_format(it: Exporter, query: str, coding: str) -> None:
    plain = it.get(f"/metrics?{query}", **{"Accept-Encoding": coding})
    opened = it.get(f"/metrics?{query}", **OPENMETRICS, **{"Accept-Encoding": coding})
    for answer in (plain, opened):
        assert answer.headers.get("Content-Encoding", "identity") == coding
    assert opened.text.endswith("# EOF\n")
    assert opened.text.count("# EOF") == 1
    families = list(parse_openmetrics(opened.text))
    assert all(family.samples for family in families)
    assert len(list(parse_text(plain.text))) == len(families)


@pytest.mark.parametrize("query", ["type=pbx", "type=pbd&type=PCS", "type=%0A", "type=%FF", f"type={'x' * 1000}", "type=pbd,pcs"])
def test_a_type_that_there_is_not_is_a_clear_400(it: Exporter, query: str) -> None:
    answer = it.get(f"/metrics?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith(
        "type: expected one of bcu, hps_central, hps_string, mbms, pbd, pcs, or nothing for what has no "
    )
    assert answer.text.count("\n") == 1
    assert len(answer.text) < 300


def test_a_fleet_is_scraped_in_parts_by_jobs_of_one_prometheus(it: Exporter, tmp_path: Path) -> None:
    def job(name: str, **params: Any) -> dict[str, Any]:
        every = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        targets = [{"targets": [it.url.removeprefix("http://")]}]
        return {"job_name": name, "static_configs": targets, "params": params} | every

    config = tmp_path / "prometheus.yml"
    jobs = [job("one", type=["pbd", "pcs"]), job("two", type=["hps_central", ""]), job("three", **{"name[]": ["atess_vbat"]})]
    config.write_text(json.dumps({"scrape_configs": jobs}))
    with prometheus_server(config, tmp_path / "data") as url:
        server = Prometheus(url)

        def found(expression: str) -> list[str]:
            return sorted(dict(labels)["deviceSn"] for labels in server.query(expression))

        eventually(lambda: len(server.query("sum by (x) (up) == 3")))
        assert found('atess_device_up{job="one"}') == ["PCD1", "UMD1", "UMD2"]
        assert found('atess_device_up{job="two"}') == ["TND1"]
        assert server.query('count by (__name__) ({job="three", __name__=~"atess.*"})').keys() == {
            frozenset({("__name__", "atess_vbat")})
        }
        assert len(server.query('process_resident_memory_bytes{job=~"one|two"}')) == 1


def test_other_parameters_change_nothing(it: Exporter) -> None:
    assert names(part(it, "collect=x&name=atess_ppv")) == names(it.page().decode())
    assert requests.head(f"{it.url}/metrics?type=pbd", timeout=10).status_code == 200
