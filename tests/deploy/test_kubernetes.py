"""The manifests, as kustomize builds them: valid, safe, and of one mind with each other and with the exporter."""

import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import requests
import yaml

from exporter import __version__, cli
from exporter.config.load import load
from exporter.config.sharding import Shard, ordinal
from tests.helpers.docs import examples
from tests.helpers.kustomize import FOLDER, Document, Manifests, build, selectors
from tests.helpers.processes import eventually, exporter, nobody_listens, prometheus_server
from tools.kubernetes_rules import SOURCES, prometheus_rule

#: The oldest and the newest Kubernetes whose schemas the manifests are held against.
VERSIONS: Final = ("1.31", "1.37")

OVERLAYS: Final = ("single", "sharded")
OPERATOR: Final = "monitoring.coreos.com/v1"

#: What an object and its pods are found by.
LABELS: Final = {"app.kubernetes.io/name": "atess-exporter", "app.kubernetes.io/component": "exporter"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a copy of deploy/kubernetes, for kustomizations of the user's own beside it."""
    folder = tmp_path_factory.mktemp("kubernetes")
    shutil.copytree(FOLDER, folder / FOLDER)
    return folder


def own(tree: Path, name: str, kustomization: str | Mapping[str, Any]) -> Manifests:
    """What a kustomization of the user's own, in the folder `name`, comes to. Its config is not the one of the repository."""
    folder = tree / name
    folder.mkdir()
    text = kustomization if isinstance(kustomization, str) else json.dumps(kustomization)
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
    (folder / "config.yaml").write_text("devices: {pbd: [MINE]}\n", encoding="utf-8")
    return build(folder)


@pytest.fixture(scope="module", params=OVERLAYS)
def plain(request: pytest.FixtureRequest) -> Manifests:
    """An overlay as it is."""
    return build(FOLDER / "overlays" / request.param)


@pytest.fixture(scope="module", params=OVERLAYS)
def full(request: pytest.FixtureRequest, tree: Path) -> Manifests:
    """An overlay with the Prometheus operator's part."""
    return own(
        tree,
        f"full-{request.param}",
        {
            "resources": [f"../{FOLDER}/overlays/{request.param}"],
            "components": [f"../{FOLDER}/components/prometheus-operator"],
        },
    )


@pytest.fixture(scope="module")
def sharded() -> Manifests:
    return build(FOLDER / "overlays/sharded")


# --- valid ---


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(plain: Manifests, version: str) -> None:
    for document in plain.documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_operator_knows_every_field(full: Manifests) -> None:
    # by name: a type checker would read two megabytes of it
    models = importlib.import_module("cloudcoil.models.prometheus_operator.v1")
    documents = [document for document in full.documents if document["apiVersion"] == OPERATOR]
    assert sorted(document["kind"] for document in documents) == ["PrometheusRule", "PrometheusRule", "ServiceMonitor"]
    for document in documents:
        getattr(models, document["kind"]).model_validate(document, extra="forbid")


def test_a_cluster_without_the_operator_is_asked_for_nothing_that_it_lacks(plain: Manifests) -> None:
    groups = {document["apiVersion"].rpartition("/")[0] for document in plain.documents}
    assert groups <= {"", "apps", "networking.k8s.io", "policy"}


def test_both_overlays_have_the_same_parts_but_for_the_workload() -> None:
    kinds = {name: sorted(document["kind"] for document in build(FOLDER / "overlays" / name).documents) for name in OVERLAYS}
    common = ["ConfigMap", "NetworkPolicy", "Service", "ServiceAccount"]
    assert kinds["single"] == sorted([*common, "Deployment"])
    assert kinds["sharded"] == sorted([*common, "PodDisruptionBudget", "StatefulSet"])


def test_no_name_is_there_twice_and_no_namespace_is_set(full: Manifests) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in full.documents]
    assert len(set(names)) == len(names)
    assert not any("namespace" in document["metadata"] for document in full.documents)


# --- safe ---


def test_pods_keep_to_the_restricted_standard_and_more(plain: Manifests) -> None:
    pod = plain.pod["spec"]
    assert set(pod) <= {
        "automountServiceAccountToken",
        "containers",
        "enableServiceLinks",
        "securityContext",
        "serviceAccountName",
        "terminationGracePeriodSeconds",
        "topologySpreadConstraints",
        "volumes",
    }, "no host namespaces, init containers or the like without a look at what the standard says of them"
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert plain.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not any("hostPort" in port for port in plain.container["ports"])
    for volume in pod["volumes"]:
        assert set(volume) - {"name"} <= {"configMap", "secret"}, volume
    assert all(mount["readOnly"] for mount in plain.container["volumeMounts"])


def test_pods_have_no_access_to_the_kubernetes_api(plain: Manifests) -> None:
    account = plain.one("ServiceAccount")
    assert plain.pod["spec"]["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False
    assert plain.pod["spec"]["automountServiceAccountToken"] is False


def test_the_token_is_a_mounted_secret_that_follows_its_changes(plain: Manifests) -> None:
    assert plain.of_kind("Secret") == []
    assert "env" not in plain.container
    assert "envFrom" not in plain.container
    (volume,) = (entry for entry in plain.pod["spec"]["volumes"] if "secret" in entry)
    assert volume["secret"] == {
        "secretName": "atess-exporter",
        "items": [{"key": "token", "path": "token"}],
        "defaultMode": 0o440,
    }
    (mount,) = (entry for entry in plain.container["volumeMounts"] if entry["name"] == volume["name"])
    # a file mounted by subPath stays as it was
    assert "subPath" not in mount


def test_the_network_lets_in_prometheus_and_lets_out_names_and_https(plain: Manifests) -> None:
    spec = plain.one("NetworkPolicy")["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    (ingress,) = spec["ingress"]
    assert ingress["ports"] == [{"protocol": "TCP", "port": _port(plain)}]
    (source,) = ingress["from"]
    assert source == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    out = {(port["protocol"], port["port"]) for rule in spec["egress"] for port in rule["ports"]}
    assert out == {("UDP", 53), ("TCP", 53), ("TCP", 443)}


# --- of one mind with each other ---


def test_labels_and_selectors_meet(full: Manifests) -> None:
    for document in full.documents:
        assert document["metadata"]["labels"].items() >= LABELS.items(), document["kind"]
    assert full.pod["metadata"]["labels"].items() >= LABELS.items()
    selecting = {document["kind"] for document in full.documents if "spec" in document and list(selectors(document))}
    assert selecting >= {"NetworkPolicy", "Service", full.workload["kind"]}
    for kind in selecting:
        for selector in selectors(full.one(kind)):
            # the whole of it: another program's pod may share one of them
            assert selector == LABELS, kind
    monitor = full.one("ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"] == LABELS
    # every Service with these labels is scraped, so there may be one
    assert len(full.of_kind("Service")) == 1


def test_every_shard_counts_for_the_budget_and_for_the_spread(sharded: Manifests) -> None:
    assert list(selectors(sharded.one("PodDisruptionBudget"))) == [LABELS]
    assert list(selectors(sharded.workload)) == [LABELS, LABELS]


def test_ports_agree(full: Manifests) -> None:
    port = _port(full)
    (served,) = full.container["ports"]
    assert served["containerPort"] == port
    (offered,) = full.one("Service")["spec"]["ports"]
    assert (offered["port"], offered["targetPort"]) == (port, served["name"])
    (endpoint,) = full.one("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["port"] == offered["name"]
    assert {probe["httpGet"]["port"] for probe in _probes(full).values()} == {served["name"]}


def test_the_pod_takes_its_config_from_the_generated_config_map(full: Manifests) -> None:
    config_map = full.one("ConfigMap")
    (volume,) = (entry for entry in full.pod["spec"]["volumes"] if "configMap" in entry)
    assert volume["configMap"]["name"] == config_map["metadata"]["name"]
    assert re.fullmatch(r"atess-exporter-[a-z0-9]{10}", config_map["metadata"]["name"])
    (mount,) = (entry for entry in full.container["volumeMounts"] if entry["name"] == volume["name"])
    path = _options(full).config
    assert str(path.parent) == mount["mountPath"]
    assert path.name in config_map["data"]


def test_the_headless_service_is_the_one_of_the_stateful_set(sharded: Manifests) -> None:
    service = sharded.one("Service")
    assert service["spec"]["clusterIP"] == "None"
    assert sharded.workload["spec"]["serviceName"] == service["metadata"]["name"]


# --- of one mind with the exporter ---


def test_the_config_is_one_that_the_exporter_takes(plain: Manifests, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(plain.one("ConfigMap")["data"]["config.yaml"], encoding="utf-8")
    config = load(path, {"ATESS_API_TOKEN": "made up"})
    assert config.devices
    (secret,) = (volume for volume in plain.pod["spec"]["volumes"] if "secret" in volume)
    (mount,) = (entry for entry in plain.container["volumeMounts"] if entry["name"] == secret["name"])
    assert str(config.api.token_file) == f"{mount['mountPath']}/{secret['secret']['items'][0]['path']}"


def test_the_exporter_takes_the_arguments(plain: Manifests) -> None:
    assert _options(plain).config == Path("/etc/atess-exporter/config.yaml")
    assert "command" not in plain.container, "the image's entrypoint is the exporter"


def test_probes_are_answered_while_the_cloud_is_unreachable(tmp_path: Path) -> None:
    probes, others = (_probes(build(FOLDER / "overlays" / name)) for name in OVERLAYS)
    assert set(probes) == {"startupProbe", "readinessProbe", "livenessProbe"}
    assert probes == others
    with nobody_listens() as address:
        config = {"api": {"base_url": f"http://{address}"}, "devices": {"pbd": ["UMD0D23202"]}}
        with exporter(tmp_path, config) as it:
            it.process.wait_for("device is down")
            for name, probe in probes.items():
                assert it.get(probe["httpGet"]["path"]).status_code == 200, name


def test_the_image_is_named_once_and_is_this_version(plain: Manifests) -> None:
    assert plain.container["image"] == f"atess-exporter:{__version__}"
    named = [file for file in FOLDER.rglob("*.yaml") if "newTag" in file.read_text(encoding="utf-8")]
    assert named == [FOLDER / "components/pod/kustomization.yaml"]


# --- how it is run ---


def test_a_single_exporter_is_never_two() -> None:
    spec = build(FOLDER / "overlays/single").workload["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_shards_start_together_and_are_replaced_one_by_one(sharded: Manifests) -> None:
    spec = sharded.workload["spec"]
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["updateStrategy"] == {"type": "RollingUpdate"}
    assert sharded.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_pods_have_the_time_that_the_exporter_needs_to_end(plain: Manifests) -> None:
    assert 2 < plain.pod["spec"]["terminationGracePeriodSeconds"] <= 10


def test_memory_is_bounded_and_processor_time_is_not(plain: Manifests) -> None:
    resources = plain.container["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


def test_the_number_of_shards_is_set_once(sharded: Manifests, tmp_path: Path) -> None:
    assert _shards(sharded) == (3, 3)
    shutil.copytree(FOLDER, tmp_path / FOLDER)
    file = tmp_path / FOLDER / "overlays/sharded/kustomization.yaml"
    text, changed = re.subn(r"\bcount: 3\b", "count: 16", file.read_text(encoding="utf-8"))
    assert changed == 1
    file.write_text(text, encoding="utf-8")
    assert _shards(build(file.parent)) == (16, 16)


def test_a_single_exporter_has_all_devices() -> None:
    assert _shards(build(FOLDER / "overlays/single")) == (1, 1)


def test_every_pod_is_a_shard_by_its_name(sharded: Manifests) -> None:
    pods, total = _shards(sharded)
    assert _options(sharded).shard is None
    name = sharded.workload["metadata"]["name"]
    shards = {Shard(ordinal(f"{name}-{pod}") or 0, total) for pod in range(pods)}
    assert len(shards) == total


# --- the documentation's examples ---


def test_the_kustomizations_of_the_documentation(tree: Path) -> None:
    blocks = examples("install/kubernetes.md")
    one, several = (block for block in blocks if "kind: Kustomization" in block)
    (patches,) = (block for block in blocks if block.startswith("patches:"))
    single, sharded = own(tree, "docs-one", one + patches), own(tree, "docs-several", several + patches)
    for manifests in (single, sharded):
        assert manifests.container["resources"]["limits"] == {"memory": "768Mi"}
    assert single.one("ConfigMap")["data"] == {"config.yaml": "devices: {pbd: [MINE]}\n"}
    assert single.one("ConfigMap")["metadata"]["name"] != build(FOLDER / "overlays/single").one("ConfigMap")["metadata"]["name"]
    assert single.container["image"].startswith("registry.example.com/atess-exporter:")
    assert single.of_kind("ServiceMonitor")
    assert _shards(sharded) == (5, 5)


# --- Prometheus ---


@pytest.mark.parametrize("target", SOURCES, ids=lambda entry: entry.name)
def test_the_prometheus_rules_are_current(target: Path) -> None:
    assert target.read_text(encoding="utf-8") == prometheus_rule(SOURCES[target]), "run: make kubernetes"


def test_the_cluster_gets_the_rules_that_are_tested(full: Manifests, tmp_path: Path) -> None:
    built = {document["metadata"]["name"]: document["spec"] for document in full.of_kind("PrometheusRule")}
    sources = {source.stem: yaml.safe_load(source.read_text(encoding="utf-8")) for source in SOURCES.values()}
    assert built == {f"atess-exporter-{name}": rules for name, rules in sources.items()}
    files = []
    for name, spec in built.items():
        files.append(tmp_path / f"{name}.yml")
        files[-1].write_text(yaml.safe_dump(spec), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_series_carry_the_job_and_the_pod_and_nothing_that_changes_with_it(tmp_path: Path) -> None:
    """In a real Prometheus, with the labels that the operator's documents name: it sets them before these relabelings."""
    monitor = yaml.safe_load((FOLDER / "components/prometheus-operator/service-monitor.yaml").read_text(encoding="utf-8"))
    (endpoint,) = monitor["spec"]["endpoints"]
    snake = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    discovered = {
        "__meta_kubernetes_pod_name": "atess-exporter-2",
        "container": "atess-exporter",
        "endpoint": "http",
        "job": "atess-exporter",
        "namespace": "atess",
        "pod": "atess-exporter-2",
        "service": "atess-exporter",
    }
    scrape = {
        "job_name": "serviceMonitor/atess/atess-exporter/0",
        "scrape_interval": endpoint["interval"],
        "static_configs": [{"targets": ["exporter.invalid:9837"], "labels": discovered}],
        "relabel_configs": [{snake.get(key, key): value for key, value in rule.items()} for rule in endpoint["relabelings"]],
    }
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [scrape]}), encoding="utf-8")
    with prometheus_server(config, tmp_path) as url:
        (target,) = eventually(lambda: requests.get(f"{url}/api/v1/targets", timeout=10).json()["data"]["activeTargets"])
    (job,) = yaml.safe_load(Path("prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    assert target["labels"] == {"job": job["job_name"], "instance": "atess-exporter-2", "namespace": "atess"}


def test_it_is_scraped_as_often_as_the_rules_want_it(full: Manifests) -> None:
    (endpoint,) = full.one("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["interval"] == yaml.safe_load(Path("prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]


def _options(manifests: Manifests) -> Any:
    """What the exporter's own command line makes of the container's arguments."""
    return cli.parser().parse_args(manifests.container["args"])


def _port(manifests: Manifests) -> int:
    ((_, port),) = _options(manifests).listen
    return int(port)


def _probes(manifests: Manifests) -> dict[str, Document]:
    return {name: value for name, value in manifests.container.items() if name.endswith("Probe")}


def _shards(manifests: Manifests) -> tuple[int, int]:
    """The number of pods, and the number of shards that each is told of."""
    return manifests.workload["spec"]["replicas"], _options(manifests).total_shards
