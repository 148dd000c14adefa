"""What the dashboards' files must be like, whatever they show."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.catalogue.types import load_catalogue, load_fault_groups
from exporter.metrics.names import metric_name
from grafana.generate import DASHBOARDS, render
from tests.helpers.expressions import FOLDER, NAMES, load, metrics_of, of_dashboard, panels

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

#: The panels that there are today; graph, singlestat, table-old and the like are not among them.
_CURRENT_TYPES = {"row", "stat", "timeseries", "bargauge", "table", "state-timeline"}

#: What older Grafana versions called things, or what would draw a line where there is no reading.
_OLD = {
    *("nullPointMode", "nullValueMode", "insertNulls", "yaxes", "xaxis", "seriesOverrides", "aliasColors", "valueName"),
    *("sparkline", "styles", "rows", "footer", "alert", "intervalFactor", "renderer", "useValueForTime"),
}

_PROVISIONING = FOLDER.parent / "provisioning"


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


def _everywhere(value: Any) -> list[dict[str, Any]]:
    """All objects in a JSON value."""
    if isinstance(value, dict):
        return [value, *(found for part in value.values() for found in _everywhere(part))]
    return [found for part in value for found in _everywhere(part)] if isinstance(value, list) else []


def test_the_files_are_what_the_generator_writes() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(DASHBOARDS)
    for name, make in DASHBOARDS.items():
        written = (FOLDER / name).read_bytes()
        assert written == render(make()).encode(), f"{name} is not what `python -m grafana.generate` writes"


def test_uids_are_stable_and_ids_are_left_to_grafana() -> None:
    assert [load(name)["uid"] for name in NAMES] == ["atess-fleet", "atess-device", "atess-exporter"]
    for name in NAMES:
        found = load(name)
        assert "id" in found
        assert found["id"] is None
        assert found["schemaVersion"] == 42


def test_panels_have_ids_titles_and_descriptions(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    assert min(ids) >= 1
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"].rstrip().endswith((".", ")")), panel["title"]
        assert len(panel["description"]) >= 15, panel["title"]
        assert panel["targets"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs), panel["title"]


def test_panels_have_a_unit_and_say_what_it_means_that_there_is_no_data(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"], panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]
        values = [step["value"] for step in defaults["thresholds"]["steps"][1:]]
        assert all(low < high for low, high in pairwise(values)), panel["title"]


def test_panels_are_on_the_grid_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["w"] > 0
        assert place["h"] > 0
        assert 0 <= place["x"] <= 24 - place["w"], panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} covers {taken.get((x, y))}"
                taken[x, y] = panel["title"]


def test_the_data_source_is_always_the_variable(dashboard: dict[str, Any]) -> None:
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    found = [part["datasource"] for part in _everywhere(dashboard) if "datasource" in part]
    assert found == [_DATASOURCE] * len(found)
    for panel in panels(dashboard):
        assert panel["datasource"] == _DATASOURCE, panel["title"]
        assert all(target["datasource"] == _DATASOURCE for target in panel["targets"]), panel["title"]
    for variable in dashboard["templating"]["list"]:
        assert (variable["type"] == "query") == ("datasource" in variable), variable["name"]


def test_nothing_is_deprecated(dashboard: dict[str, Any]) -> None:
    assert {panel["type"] for panel in dashboard["panels"]} <= _CURRENT_TYPES
    assert not {key for part in _everywhere(dashboard) for key in part} & _OLD


def test_what_is_missing_stays_missing(dashboard: dict[str, Any]) -> None:
    for expression in of_dashboard(dashboard):
        assert not re.search(r"\bor\s+(on\s*\([^)]*\)\s*)?(vector|0)\b", expression.text), expression.where
        assert "absent" not in expression.text, expression.where
    for panel in panels(dashboard):
        assert panel["fieldConfig"]["defaults"].get("custom", {}).get("spanNulls", False) is False, panel["title"]


def test_every_query_goes_by_the_variables(dashboard: dict[str, Any]) -> None:
    names = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__range", "__rate_interval"}
    for expression in of_dashboard(dashboard):
        used = set(re.findall(r"\$\{?(\w+)", expression.text))
        assert used <= names, expression.where
        selectors = re.findall(r"\{([^}]*)\}", expression.text)
        if not expression.where.startswith("variable job"):
            assert selectors, expression.where
            assert all('job=~"$job"' in selector for selector in selectors), expression.where
    for expression in (
        panel_expression for panel_expression in of_dashboard(dashboard) if dashboard["uid"] in ("atess-fleet", "atess-device")
    ):
        if not expression.where.startswith(("variable", "annotation")):
            selectors = re.findall(r"\{([^}]*)\}", expression.text)
            assert all('deviceSn=~"$deviceSn"' in entry and 'type=~"$type"' in entry for entry in selectors), expression.where


def test_readings_are_fields_of_the_catalogue(dashboard: dict[str, Any]) -> None:
    known = {metric_name(field) for device_type in load_catalogue().values() for field in device_type.fields}
    for expression in of_dashboard(dashboard):
        for name in metrics_of(expression.text):
            if name.startswith("atess_") and not name.startswith(("atess_device_", "atess_exporter_")):
                assert name in known, f"{expression.where}: {name}"


def test_the_dashboards_lead_to_each_other(dashboard: dict[str, Any]) -> None:
    assert "atess" in dashboard["tags"]
    link = dashboard["links"][0]
    assert (link["type"], link["tags"], link["keepTime"], link["includeVars"]) == ("dashboards", ["atess"], True, True)
    uids = {load(name)["uid"] for name in NAMES}
    own: list[str] = []
    pages: list[str] = []
    for url in _urls(dashboard):
        (own if url.startswith("/d/") else pages).append(url)
    assert {url.split("/d/")[1].split("?")[0] for url in own} <= uids
    # a device's link leads to its page in the exporter, too, wherever that is
    assert len(own) == len(pages)
    assert all(re.fullmatch(r"\$\{exporter:raw\}/devices/\$\{[\w.]+\}/\$\{[\w.]+\}", url) for url in pages)
    assert (dashboard["uid"] == "atess-exporter") == (not pages)


def test_what_they_need_is_said(dashboard: dict[str, Any]) -> None:
    assert "Needs Grafana 12 or newer" in dashboard["description"]


def _urls(dashboard: dict[str, Any]) -> list[str]:
    return [part["url"] for part in _everywhere(dashboard) if "url" in part]


def test_the_provisioned_stack_has_what_it_names() -> None:
    source = _yaml(_PROVISIONING / "datasources" / "prometheus.yaml")["datasources"][0]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    provider = _yaml(_PROVISIONING / "dashboards" / "atess.yaml")["providers"][0]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("title", "field"), [("What it is doing", "status"), ("Operation mode", "runModel"), ("Battery state", "bmsStatus")]
)
def test_states_have_the_words_of_their_type_or_none(title: str, field: str) -> None:
    (panel,) = (panel for panel in panels(load("device")) if panel["title"] == title)
    words = {override["matcher"]["options"]: override["properties"][0] for override in panel["fieldConfig"]["overrides"]}
    assert all(change["id"] == "mappings" for change in words.values())
    for name, device_type in load_catalogue().items():
        if known := device_type.fields.get(field):
            (ref,) = (target["refId"] for target in panel["targets"] if _selects(target["expr"], name))
            mapped = words[ref]["value"][0]["options"] if ref in words else {}
            shown = {int(number): result["text"] for number, result in mapped.items()}
            assert shown == {number: word for of in known.values.values() for number, word in of.items()}, name
    for target in panel["targets"]:
        # a type of the user's own has whatever words it has
        assert target["refId"] not in words or not _selects(target["expr"], "own")


def _selects(expression: str, device_type: str) -> bool:
    sign, pattern = re.findall(r'type(=~|!~)"([^$"]+)"', expression)[0]
    return (re.fullmatch(pattern, device_type) is not None) is (sign == "=~")


@pytest.mark.parametrize("name", ["fleet", "device"])
def test_every_fault_of_the_catalogue_has_its_text(name: str) -> None:
    looks = [part["value"] for part in _everywhere(load(name)) if part.get("id") == "mappings" and len(part["value"]) > 1]
    (texts,) = (look[0]["options"] for look in looks)
    bits = [bit for group in load_fault_groups().values() for word in group.words.values() for bit in word.values()]
    assert {key: text["text"] for key, text in texts.items()} == {f"{bit.severity} {bit.name}": bit.text for bit in bits}
    assert all(texts[f"{bit.severity} {bit.name}"]["text"] == bit.text for bit in bits)


def test_a_word_is_in_one_place_only() -> None:
    """Words of states and texts of faults come from the catalogue: the generator has none of its own."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("*.py"))
    fields = [known for device_type in load_catalogue().values() for known in device_type.fields.values()]
    words = {word for known in fields for of in known.values.values() for word in of.values() if " " in word}
    texts = {bit.text for group in load_fault_groups().values() for word in group.words.values() for bit in word.values()}
    assert len(words) > 10
    assert not [word for word in words | texts if word in written]
