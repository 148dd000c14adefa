"""Dockerfile and compose.yaml, as far as they can be judged without an engine; tools/container builds and runs the image."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from tests.helpers.schemas import mistakes

COMPOSE: Final = Path("compose.yaml")


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _services() -> dict[str, dict[str, Any]]:
    return dict(_load(COMPOSE)["services"])


def _hadolint(text: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).parent / "hadolint"), "--failure-threshold", "style", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing() -> None:
    text = Path("Dockerfile").read_text(encoding="utf-8")
    found = _hadolint(text)
    assert (found.returncode, found.stdout) == (0, "")
    assert _hadolint(text.replace("-slim-trixie", "").replace(":3.13.12", "")).returncode != 0


def test_nothing_of_the_last_stage_needs_a_shell_or_root() -> None:
    stage = Path("Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert "\nRUN " not in stage
    assert "\nUSER 65532:65532\n" in stage
    for line in stage.splitlines():
        if line.split()[:1] in (["ENTRYPOINT"], ["CMD"]):
            assert json.loads(line.strip().partition(" ")[2]), line


def test_what_the_image_is_built_from_is_let_through() -> None:
    ignore = Path(".dockerignore").read_text(encoding="utf-8").split("\n")
    copied = [
        word
        for line in Path("Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    assert "*" in ignore
    for name in copied:
        assert any(line.startswith(f"!{name.rstrip('/')}") for line in ignore), name
        assert Path(name).exists()


def test_compose_knows_every_key(tmp_path: Path) -> None:
    assert mistakes("vendor.compose-spec", COMPOSE) == ""
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text(encoding="utf-8").replace("profiles: [live]", "profile: [live]"))
    assert "'profile' was unexpected" in mistakes("vendor.compose-spec", wrong)


def test_one_command_runs_the_demo_and_the_other_the_users_devices() -> None:
    services = _services()
    assert {name: service.get("profiles") for name, service in services.items()} == {
        "exporter": ["live"],
        "demo": ["demo"],
        "prometheus": None,
        "grafana": None,
    }
    lines = [line for line in Path(".env").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert lines == ["COMPOSE_PROFILES=live"]
    assert not {"secrets", "volumes"} & services["demo"].keys()


def test_what_is_missing_is_said_and_not_made() -> None:
    volumes = _services()["exporter"]["volumes"]
    # folders: a mount of a file shows that file for ever, also when an editor has put another one in its place
    assert [(entry["source"], entry["target"]) for entry in volumes] == [
        ("./config", "/etc/atess-exporter"),
        ("./secrets", "/run/secrets"),
    ]
    for volume in volumes:
        assert volume["bind"] == {"create_host_path": False}
        assert volume["read_only"] is True
        # that neither the config nor the token gets into the repository
        assert f"/{Path(volume['source']).name}/" in Path(".gitignore").read_text(encoding="utf-8").splitlines()
    assert "secrets" not in _load(COMPOSE)
    example = _load(Path("config.example.yaml"))
    assert example["api"]["token_file"] == "/run/secrets/atess_token"


def test_every_service_is_pinned_confined_and_watched() -> None:
    services = _services()
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        built_here = service.get("build") == "."
        assert built_here or "healthcheck" in service, name
        assert built_here or service["image"].rpartition(":")[2].count(".") == 2, name


def test_the_stack_has_the_files_that_it_mounts() -> None:
    for name, service in _services().items():
        for volume in service.get("volumes", ()):
            source = volume["source"] if isinstance(volume, dict) else volume.partition(":")[0]
            if source.startswith("./") and source not in ("./config", "./secrets"):
                assert Path(source).exists(), (name, source)


def test_prometheus_is_set_up_as_by_hand() -> None:
    by_hand = _load(Path("prometheus/prometheus.yml"))
    composed = _load(Path("deploy/compose/prometheus.yml"))
    (config,) = composed["scrape_configs"][0]["static_configs"]
    # the demo answers to the exporter's name
    assert config["targets"] == ["exporter:9837"]
    assert _services()["demo"]["networks"]["default"]["aliases"] == ["exporter"]
    config["targets"] = by_hand["scrape_configs"][0]["static_configs"][0]["targets"]
    assert composed == by_hand
    mounted = {volume.split(":")[1] for volume in _services()["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in by_hand["rule_files"]} <= mounted


def test_grafana_finds_its_prometheus_and_its_dashboards() -> None:
    (source,) = _load(Path("grafana/provisioning/datasources/prometheus.yaml"))["datasources"]
    (port,) = _services()["prometheus"]["ports"]
    assert source["url"] == f"http://prometheus:{port.rpartition(':')[2]}"
    (provider,) = _load(Path("grafana/provisioning/dashboards/atess.yaml"))["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in _services()["grafana"]["volumes"]
