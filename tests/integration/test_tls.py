"""TLS with client certificates and basic authentication: a real Prometheus scrapes through both."""

import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import trustme

from tests.helpers.processes import Exporter, SimulatedCloud, device_lists, eventually, exporter, prometheus, simulated_cloud

DEVICE = ("pbd", "UMD0D23202")
PASSWORD = "correct horse"

#: So that a scrape that a busy machine holds up is not taken for one that fails.
PATIENT = {"scrape_interval": "5s", "scrape_timeout": "5s"}


@dataclass(frozen=True)
class Files:
    """The PEM files of both sides."""

    folder: Path
    authority: trustme.CA
    clients: trustme.CA

    def issue(self, name: str = "localhost") -> None:
        issued = self.authority.issue_cert(name, "localhost", "127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(self.folder / "server.pem")
        issued.private_key_pem.write_to_path(self.folder / "server.key")

    def path(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    it = Files(tmp_path, trustme.CA(), trustme.CA())
    it.issue()
    it.authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    it.clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    issued = it.clients.issue_cert("prometheus")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "prometheus.pem")
    issued.private_key_pem.write_to_path(tmp_path / "prometheus.key")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode().replace("$2b$", "$2y$")
    (tmp_path / "web.yaml").write_text(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
        "  client_ca_file: clients.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
        f"basic_auth_users:\n  prometheus: {hashed}\n"
    )
    return it


def config(cloud: SimulatedCloud) -> dict[str, Any]:
    return {"api": {"base_url": cloud.url, "requests_per_minute": 600}, "devices": device_lists([DEVICE])}


def scrape_options(files: Files, **changes: Any) -> dict[str, Any]:
    return {
        "scheme": "https",
        "basic_auth": {"username": "prometheus", "password": PASSWORD},
        "tls_config": {
            "ca_file": files.path("trusted.pem"),
            "cert_file": files.path("prometheus.pem"),
            "key_file": files.path("prometheus.key"),
        },
        **changes,
    }


def status(it: Exporter, files: Files, password: str = PASSWORD) -> int:
    cert = (files.path("prometheus.pem"), files.path("prometheus.key"))
    auth = ("prometheus", password)
    return requests.get(f"{it.url}/metrics", auth=auth, cert=cert, verify=files.path("trusted.pem"), timeout=30).status_code


def served_names(it: Exporter, files: Files) -> set[str]:
    """Whom the certificate that is served now is for."""
    context = ssl.create_default_context(cafile=files.path("trusted.pem"))
    context.load_cert_chain(files.path("prometheus.pem"), files.path("prometheus.key"))
    port = int(it.url.rpartition(":")[2])
    address = ("127.0.0.1", port)
    with socket.create_connection(address, 30) as plain, context.wrap_socket(plain, server_hostname="localhost") as client:
        certificate: Any = client.getpeercert()
    return {name for _, name in certificate["subjectAltName"]}


def healthcheck(it: Exporter) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "exporter", "healthcheck", "--web.listen-address", it.url.removeprefix("https://")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_healthcheck_speaks_tls_where_the_exporter_does(files: Files) -> None:
    web = files.folder / "web.yaml"
    web.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
    with (
        simulated_cloud("--devices", ":".join(DEVICE)) as cloud,
        exporter(files.folder, config(cloud), "--web.config.file", str(web)) as it,
    ):
        healthy = healthcheck(it)
        assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "healthy\n", "")


def test_prometheus_scrapes_through_tls_and_a_password_and_goes_on_when_the_certificate_rotates(files: Files) -> None:
    with (
        simulated_cloud("--devices", ":".join(DEVICE)) as cloud,
        exporter(files.folder, config(cloud), "--web.config.file", files.path("web.yaml"), "--log.level", "debug") as it,
        prometheus(files.folder, it.url.removeprefix("https://"), **scrape_options(files, **PATIENT)) as server,
    ):
        eventually(lambda: 1 in server.query("up").values())
        eventually(lambda: 1 in server.query("atess_device_up").values())
        assert status(it, files) == 200
        assert status(it, files, "wrong") == 401
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{it.url}/metrics", auth=("prometheus", PASSWORD), verify=files.path("trusted.pem"), timeout=30)
        healthy = healthcheck(it)
        # it has no certificate to show, but sees that it was asked for one
        assert (healthy.returncode, healthy.stderr) == (0, "")
        files.issue("rotated.example")
        it.process.wait_for("web config reloaded")
        assert status(it, files) == 200
        assert "rotated.example" in served_names(it, files)
        # Prometheus has noticed nothing of all that
        scrapes = max(server.query("count_over_time(up[10m])").values())
        eventually(lambda: max(server.query("count_over_time(up[10m])").values()) > scrapes)
        assert set(server.query("min_over_time(up[10m])").values()) == {1.0}
        output = it.process.output
        assert PASSWORD not in output
        assert "Traceback" not in output
        assert "level=error" not in output


def test_prometheus_with_a_wrong_password_is_told_so(files: Files) -> None:
    wrong = scrape_options(files, basic_auth={"username": "prometheus", "password": "wrong"})
    with (
        simulated_cloud("--devices", ":".join(DEVICE)) as cloud,
        exporter(files.folder, config(cloud), "--web.config.file", files.path("web.yaml")) as it,
        prometheus(files.folder, it.url.removeprefix("https://"), **wrong) as server,
    ):
        eventually(lambda: set(server.query("up").values()) == {0.0})
        targets = requests.get(f"{server.url}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
        assert "401" in targets[0]["lastError"]
