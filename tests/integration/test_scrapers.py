"""Prometheus 2 and 3 scrape the exporter: in both formats, at several addresses, through nginx, with TLS and passwords."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import trustme

from tests.helpers.nginx import nginx
from tests.helpers.processes import Prometheus, device_lists, eventually, exporter, prometheus_server, simulated_cloud

DEVICE = ("pbd", "UMD0D23202")
PASSWORD = "correct horse"


@pytest.fixture(params=["prometheus", "prometheus3"])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def scraping(folder: Path, program: str, *jobs: dict[str, Any]) -> Iterator[Prometheus]:
    """Run Prometheus with these jobs, named by their place."""
    # so that a scrape that a busy machine holds up is not taken for one that fails
    every = {"scrape_interval": "3s", "scrape_timeout": "3s"}
    config = {"scrape_configs": [{"job_name": f"job{place}"} | every | job for place, job in enumerate(jobs)]}
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config))
    with prometheus_server(path, folder / "data", program=program) as url:
        yield Prometheus(url)


def targets(*addresses: str) -> list[dict[str, Any]]:
    return [{"targets": [address]} for address in addresses]


def test_both_formats_at_two_addresses_at_once_and_through_nginx(tmp_path: Path, program: str) -> None:
    path = tmp_path / "exporter.sock"
    proxy = f"location / {{ proxy_pass http://unix:{path}:; proxy_set_header Host $http_host; %s }}"
    with (
        simulated_cloud("--devices", ":".join(DEVICE)) as cloud,
        exporter(
            tmp_path,
            {"api": {"base_url": cloud.url, "requests_per_minute": 600}, "devices": device_lists([DEVICE])},
            f"--web.listen-address=unix:{path}",
        ) as it,
        nginx(tmp_path, proxy % "", proxy % "proxy_set_header Accept text/plain;") as (as_asked, as_text),
        scraping(tmp_path, program, {"static_configs": targets(it.url.removeprefix("http://"), as_asked, as_text)}) as server,
    ):
        eventually(lambda: server.query("count(atess_device_up == 1)") == {frozenset(): 3.0}, 60)
        assert server.query("min(min_over_time(up[10m]))") == {frozenset(): 1.0}
        # the same device and series by every way
        assert server.query("count(count by (deviceSn) (atess_ppv))") == {frozenset(): 1.0}
    lines = {line.split(";")[0] for line in (tmp_path / "access.log").read_text().splitlines()}
    asked, text = (address.rpartition(":")[2] for address in (as_asked, as_text))
    assert lines == {f"{asked} 200 application/openmetrics-text", f"{text} 200 text/plain"}
    assert not path.exists()


def test_tls_with_an_allowed_and_a_refused_san_and_a_password(tmp_path: Path, program: str) -> None:
    authority, clients = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    for folder, by, name in [
        ("server", authority, "localhost"),
        ("allowed", clients, "prometheus.example"),
        ("other", clients, "x.example"),
    ]:
        issued = by.issue_cert(name, "127.0.0.1") if by is authority else by.issue_cert(name)
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{folder}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{folder}.key")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yaml").write_text(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: clients.pem\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [prometheus.example]\n"
        f"basic_auth_users:\n  prometheus: {hashed}\n"
    )

    def job(client: str, password: str, address: str) -> dict[str, Any]:
        tls = {"ca_file": "trusted.pem", "cert_file": f"{client}.pem", "key_file": f"{client}.key"}
        return {
            "scheme": "https",
            "tls_config": {key: str(tmp_path / name) for key, name in tls.items()},
            "basic_auth": {"username": "prometheus", "password": password},
            "static_configs": targets(address),
        }

    with (
        simulated_cloud("--devices", ":".join(DEVICE)) as cloud,
        exporter(
            tmp_path,
            {"api": {"base_url": cloud.url, "requests_per_minute": 600}, "devices": device_lists([DEVICE])},
            "--web.config.file",
            str(tmp_path / "web.yaml"),
            "--web.listen-address=localhost:0",
        ) as it,
    ):
        second = it.process.wait_for(r"msg=listening address=https://(\S+)")[1]
        first = it.url.removeprefix("https://")
        with scraping(
            tmp_path,
            program,
            job("allowed", PASSWORD, first),
            job("allowed", PASSWORD, second),
            job("other", PASSWORD, first),
            job("allowed", "wrong", first),
        ) as server:
            # each target has been scraped
            eventually(lambda: server.query("count(up)") == {frozenset(): 4.0}, 60)
            assert server.query("sum by (which) (label_replace(up, 'which', '$1', 'job', '(.*)'))") == {
                frozenset({("which", f"job{place}")}): value for place, value in enumerate([1.0, 1.0, 0.0, 0.0])
            }
        assert PASSWORD not in it.process.output
        assert "Traceback" not in it.process.output
