"""The scrape config, the rules and the alerts, by promtool and against a simulated day."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import yaml

from exporter.catalogue.faults import UNKNOWN, Severity
from exporter.catalogue.types import load_catalogue, load_fault_groups
from exporter.documentation import SITE
from exporter.metrics.names import metric_name
from tests.helpers import recorded_day as day
from tests.helpers.promql import Matcher, Parts, Selector, parts
from tests.helpers.simulated_day import END, START
from tools.fault_rules import FILE, rules

#: Rule tests take seconds, but many of them on a busy machine.
pytestmark = pytest.mark.timeout(400)

FOLDER: Final = Path("prometheus")
#: The rule groups, in the order in which promtool is to run them: left to itself it takes any.
GROUPS = ["atess-thresholds", "atess-fault-texts", "atess-devices", "atess-energy", "atess-exporter", "atess-devices-alerts"]
TESTS: Final = sorted(FOLDER.glob("*_test.yml"))

#: Labels that Prometheus adds to what it scrapes.
TARGET_LABELS: Final = {"job", "instance"}

#: What is left of the labels at each level of the rules.
LEVELS: Final = {"device": {"job", "type", "deviceSn"}, "job_type": {"job", "type"}, "job": {"job"}, "atess": set[str]()}


def _load(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _rules(file: str) -> list[dict[str, Any]]:
    return [rule for group in _load(FOLDER / file)["groups"] for rule in group["rules"]]


RECORDED: Final = [rule for rule in _rules("rules.yml") if rule["record"] != "atess:fault_text:info"]
TEXTS: Final = [rule for rule in _rules("rules.yml") if rule["record"] == "atess:fault_text:info"]
ALERTS: Final = {rule["alert"]: rule for rule in _rules("alerts.yml")}
EXPRESSIONS: Final = {
    **{" ".join([rule["record"], *rule.get("labels", {}).values()]): rule["expr"] for rule in RECORDED},
    **{name: rule["expr"] for name, rule in ALERTS.items()},
}
PARTS: Final[Mapping[str, Parts]] = {name: parts(expression) for name, expression in EXPRESSIONS.items()}
THRESHOLDS: Final = {rule["record"] for rule in RECORDED if rule["record"].startswith("atess:threshold:")}


@cache
def _cases() -> list[tuple[Path, dict[str, Any], dict[str, Any], str]]:
    """Each case about an alert: file, group of tests, case and the alert's name."""
    found = []
    for file in TESTS:
        for group in _load(file)["tests"]:
            for case in group["promql_expr_test"]:
                for selector in parts(case["expr"]).selectors:
                    for matcher in selector.matchers:
                        if selector.metric == "ALERTS" and matcher.label == "alertname":
                            found.append((file, group, case, matcher.value))
    return found


def _promtool(*arguments: str | Path) -> "subprocess.Popen[str]":
    tool = shutil.which("promtool")
    assert tool, "no promtool: run the tests by make test"
    # memory for time: a quarter of what promtool does here is collecting garbage
    env = {**os.environ, "GOGC": "400"}
    return subprocess.Popen([tool, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """All of the folder's rule tests, begun at once: they run while other tests do."""
    begun = {file.name: _promtool("test", "rules", file) for file in TESTS}
    yield begun
    for process in begun.values():
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def url(runs: object, simulated_day_url: str) -> str:
    return simulated_day_url


@pytest.fixture(scope="module")
def exposed(url: str) -> dict[str, dict[str, set[str]]]:
    """What was scraped on the simulated day: metric -> label -> values."""
    found: dict[str, dict[str, set[str]]] = {}
    query = {"match[]": '{__name__=~".+"}', "start": str(START), "end": str(END)}
    answer = requests.get(f"{url}/api/v1/series", query, timeout=30)
    for series in answer.json()["data"]:
        labels = found.setdefault(series["__name__"], {})
        for label, value in series.items():
            labels.setdefault(label, set()).add(value)
    return found


def test_promtool_accepts_rules_and_config() -> None:
    commands: list[list[str | Path]] = [
        ["rules", FOLDER / "rules.yml", FOLDER / "alerts.yml"],
        ["config", FOLDER / "prometheus.yml"],
    ]
    for command in commands:
        process = _promtool("check", *command)
        output, _ = process.communicate()
        assert process.returncode == 0, output


def test_the_config_loads_all_rules() -> None:
    assert _load(FOLDER / "prometheus.yml")["rule_files"] == ["rules.yml", "alerts.yml"]


def test_every_alert_tells_what_to_do() -> None:
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        texts = rule["annotations"]
        assert set(texts) == {"summary", "description", "runbook", "runbook_url"}, name
        assert len(texts["runbook"]) > 100, name
        assert texts["runbook_url"] == f"{SITE}alerts/#{name.lower()}"


def test_every_alert_has_a_heading_on_the_site_and_every_such_heading_an_alert() -> None:
    # a heading's anchor is its text in lower case
    text = Path("docs/alerts.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^#+ (Atess\w+)$", text, re.MULTILINE)) == sorted(ALERTS)


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    firing: set[str] = set()
    silent: set[str] = set()
    for _, _, case, alert in _cases():
        (firing if case["exp_samples"] else silent).add(alert)
    assert firing == set(ALERTS)
    assert silent == set(ALERTS)


def test_annotations_use_only_labels_that_the_alert_has() -> None:
    for name, rule in ALERTS.items():
        used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        has = {
            label
            for _, _, case, alert in _cases()
            if alert == name
            for expected in case["exp_samples"]
            for label in re.findall(r"(\w+)=", expected["labels"])
        }
        assert used <= has, name


def test_thresholds_are_in_one_place() -> None:
    used = {selector.metric for name in PARTS if name != "AtessThresholdsMissing" for selector in PARTS[name].selectors}
    assert used >= THRESHOLDS, "some threshold is used by nothing"
    assert {selector.metric for selector in PARTS["AtessThresholdsMissing"].selectors} == THRESHOLDS
    for name in ALERTS:
        assert PARTS[name].numbers <= {0.0, 1.0}, f"{name} has a threshold of its own"


def test_recorded_names_say_level_metric_and_operation() -> None:
    for rule in RECORDED:
        match = re.fullmatch(r"([a-z_]+):(atess_)?[a-z_]+:[a-z0-9_]+", rule["record"])
        assert match, rule["record"]
        assert match[1] in LEVELS, rule["record"]
        if "power" in rule["record"]:
            assert not re.search(r"watt|_k?w\b", rule["record"]), "the unit of powers is not settled"


def test_every_fault_has_its_text_from_the_catalogue() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text == rules(text), "prometheus/rules.yml is not what `make rules` writes"
    found = {(rule["labels"]["fault"], rule["labels"]["severity"]): rule["labels"]["text"] for rule in TEXTS}
    assert len(found) == len(TEXTS)
    for group in load_fault_groups().values():
        for bits in group.words.values():
            for bit in bits.values():
                assert found[bit.name, bit.severity] == bit.text, f"{bit.name} has more than one text"


def test_silence_counts_the_seconds_of_its_group() -> None:
    groups = {group["name"]: group for group in _load(FOLDER / "rules.yml")["groups"]}
    assert groups["atess-devices"]["interval"] == "1m"
    assert 60.0 in PARTS["device:atess_silence:ratio"].numbers


def test_every_metric_and_label_is_one_that_exists(exposed: dict[str, dict[str, set[str]]]) -> None:
    recorded = {rule["record"] for rule in RECORDED}
    labels = {label for of in exposed.values() for label in of} | {"energy"}
    for name, part in PARTS.items():
        assert part.labels <= labels, name
        for selector in part.selectors:
            if selector.metric in recorded:
                level = LEVELS[str(selector.metric).partition(":")[0]]
                assert {matcher.label for matcher in selector.matchers} <= level | {"energy"}, name
            else:
                _check_selector(name, selector, exposed)


def _check_selector(rule: str, selector: Selector, exposed: dict[str, dict[str, set[str]]]) -> None:
    names = [matcher for matcher in selector.matchers if matcher.label == "__name__"]
    metrics = [metric for metric in exposed if _all_match(names, metric)] if names else [selector.metric]
    for matcher in names:
        assert all(any(re.fullmatch(wanted, metric) for metric in exposed) for wanted in matcher.alternatives), rule
    for metric in metrics:
        assert metric is not None
        values = _known_values(metric, exposed)
        assert values, f"{rule}: there is no {metric}"
        for matcher in selector.matchers:
            if matcher.label != "__name__":
                for wanted in matcher.alternatives:
                    assert any(re.fullmatch(wanted, value) for value in values.get(matcher.label, ())), (
                        f"{rule}: no {metric} has {matcher.label}={wanted}"
                    )


def _all_match(matchers: list[Matcher], value: str) -> bool:
    return all(any(re.fullmatch(wanted, value) for wanted in matcher.alternatives) for matcher in matchers)


def _known_values(metric: str, exposed: dict[str, dict[str, set[str]]]) -> dict[str, set[str]]:
    """Label -> values of a metric on the page; the types are also those of which the catalogue has the field."""
    values = {label: set(found) for label, found in exposed.get(metric, {}).items()}
    if "severity" in values:
        values["severity"] |= {*Severity, UNKNOWN}
    for device_type in load_catalogue().values():
        if metric in map(metric_name, device_type.fields):
            values.setdefault("type", set()).add(device_type.type)
    return values


@pytest.fixture(scope="module")
def replay(url: str, exposed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """What promtool has to say when Prometheus' rule engine lives through the simulated day; empty if all is as expected."""
    named = {selector.metric for part in PARTS.values() for selector in part.selectors if selector.metric in exposed}
    named |= {name for name in exposed if re.fullmatch(r"atess_temp[1-6]?|atess_(pv|out)(_inductance)?_temp", name)}
    group = {"interval": "1m", "input_series": day.input_series(url, map(str, named)), "promql_expr_test": _expected()}
    file = tmp_path_factory.mktemp("replay") / "day_test.yml"
    rules = [str((FOLDER / name).resolve()) for name in ("rules.yml", "alerts.yml")]
    file.write_text(yaml.safe_dump({"rule_files": rules, "group_eval_order": GROUPS, "tests": [group]}, width=10**9))
    process = _promtool("test", "rules", file)
    output, _ = process.communicate()
    return "" if process.returncode == 0 else output


def _expected() -> list[dict[str, Any]]:
    return [*_recorded_on_the_day(), *_alerts_of_the_day()]


def _recorded_on_the_day() -> Iterator[dict[str, Any]]:
    for rule in RECORDED:
        energy = f', energy="{rule["labels"]["energy"]}"' if "labels" in rule else ""
        for time in (day.minute(5, 30), day.minute(12), day.minute(19)):
            yield {
                "expr": f'count({{__name__="{rule["record"]}"{energy}}}) > bool 0',
                "eval_time": time,
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
    # the two ways to count a day's energy agree to within 2 kWh, for the four PBD and HPS that are online
    both = 'device:atess_energy_kwh:increase1d{energy="pv"} - device:atess_energy_today_kwh:max{energy="pv"}'
    yield {
        "expr": f"count(abs({both}) <= 2)",
        "eval_time": day.minute(20, 40),
        "exp_samples": [{"labels": "{}", "value": 4}],
    }
    for time, night in ((day.minute(5, 30), 1), (day.minute(12), 0), (day.minute(19), 1)):
        yield {
            "expr": "job:atess_night:bool",
            "eval_time": time,
            "exp_samples": [{"labels": 'job:atess_night:bool{job="atess"}', "value": night}],
        }


def _alerts_of_the_day() -> Iterator[dict[str, Any]]:
    """Which alerts fire, over the whole day and at its events: none but those with a reason."""
    failing, offline = ("AtessDeviceOffline", "UMD0D23203"), ("AtessDeviceOffline", "TND0D20234")
    token, reload, gone = ("AtessTokenRefused", ""), ("AtessReloadFailed", ""), ("AtessDeviceGone", "UMD0D23202")
    always = [("AtessDeviceFault", "PND0D21507"), ("AtessDeviceWarning", "PND0D21507")]
    faulty = ("AtessDeviceFault", "TND0D20233")
    ever = "group by (alertname, deviceSn) (last_over_time(ALERTS{alertstate='firing'}[1d]))"
    now = "group by (alertname, deviceSn) (ALERTS{alertstate='firing'})"
    expectations = [
        (day.minute(9, 34), now, []),
        (day.minute(9, 50), now, [faulty]),
        (day.minute(10, 10), now, []),
        (day.minute(10, 40), now, []),
        (day.minute(10, 50), now, [failing]),
        (day.minute(11, 5), now, []),
        # one refusal for asking too often, and a device that is just away
        (day.minute(14, 50), ever, [faulty, failing]),
        (day.minute(15, 5), now, [offline]),
        (day.minute(16, 7), now, [offline, reload]),
        (day.minute(17, 14), now, [offline]),
        (day.minute(17, 30), now, [offline, gone]),
        (day.minute(17, 45), now, [offline]),
        (day.minute(19), now, [offline]),
        (day.minute(20, 5), now, [offline, token]),
        (day.minute(20, 30), now, [offline]),
        (day.minute(20, 40), ever, [faulty, failing, offline, reload, token, gone]),
    ]
    for time, expression, alerts in expectations:
        samples = [
            {"labels": f'{{alertname="{alert}"' + (f', deviceSn="{sn}"}}' if sn else "}"), "value": 1}
            for alert, sn in [*always, *alerts]
        ]
        yield {"expr": expression, "eval_time": time, "exp_samples": samples}


def test_the_simulated_day_is_recorded_and_fires_only_with_reason(replay: str) -> None:
    assert replay == ""


def test_annotations_can_be_written(tmp_path: Path) -> None:
    """Have promtool show what it did not expect: all alerts with their texts."""
    processes = [_promtool("test", "rules", file) for file in _unexpected(tmp_path)]
    output = "".join(process.communicate()[0] for process in processes)
    for alert, rule in ALERTS.items():
        assert f"alertname: {alert}," in output
        for part in re.split(r"{{.*?}}", rule["annotations"]["runbook"]):
            assert part.replace('"', r"\"") in output, alert
    # the text of the fault, which the rules have from the catalogue
    assert "nothing is heard from the battery management system" in output
    assert "error expanding" not in output
    assert "{{" not in output
    assert "%!" not in output


def _unexpected(folder: Path) -> Iterator[Path]:
    """Tests that expect no alert where each one's first case has it firing."""
    first: dict[str, tuple[int, Path, dict[str, Any], str]] = {}
    for file, group, case, alert in _cases():
        minutes = int(case["eval_time"].removesuffix("m"))
        if case["exp_samples"] and (alert not in first or minutes < first[alert][0]):
            first[alert] = minutes, file, group, case["eval_time"]
    for file in {file for _, file, _, _ in first.values()}:
        tests = [
            {
                "interval": group["interval"],
                "input_series": group["input_series"],
                "alert_rule_test": [{"alertname": alert, "eval_time": time, "exp_alerts": []}],
            }
            for alert, (_, of, group, time) in first.items()
            if of == file
        ]
        rules = [str((FOLDER / name).resolve()) for name in _load(file)["rule_files"]]
        written = folder / file.name
        written.write_text(yaml.safe_dump({"rule_files": rules, "group_eval_order": GROUPS, "tests": tests}))
        yield written


@pytest.mark.parametrize("name", [file.name for file in TESTS])
def test_promtool_agrees_with_every_case(name: str, runs: dict[str, "subprocess.Popen[str]"]) -> None:
    output, _ = runs[name].communicate()
    assert runs[name].returncode == 0, output
