"""The command as a user types it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from exporter import __version__
from exporter.commands import demo
from tests.helpers.fakes import samples
from tests.helpers.fixtures import Sized
from tests.helpers.processes import demo_command, eventually, exporter, nobody_listens, running, simulated_cloud

PBD = {"devices": {"pbd": ["UMD1"]}}
CONFIG = "devices:\n  pbd:\n    - UMD1\n"


def run(*arguments: str, token: str | None = "made-up-token") -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "ATESS_API_TOKEN"}
    if token:
        env["ATESS_API_TOKEN"] = token
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments], capture_output=True, text=True, env=env, timeout=60, check=False
    )


def test_version() -> None:
    result = run("--version")
    assert result.returncode == 0
    assert re.fullmatch(rf"atess-exporter, version {re.escape(__version__)} \(Python 3\.\d+\.\d+\)\n", result.stdout)


def test_the_command_is_installed() -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "atess-exporter", "--version"], capture_output=True, text=True, check=True
    )
    assert __version__ in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--config.fil=x"], "unrecognized arguments"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["--log.level", "loud"], "invalid choice: 'loud'"),
        (["--web.listen-address", "nowhere"], "expected host:port, :port or [v6]:port, or unix:/path/of/a.sock, got 'nowhere'"),
        (["--web.listen-address", ":99999"], "expected host:port, :port or [v6]:port, or unix:/path/of/a.sock, got ':99999'"),
        (["--web.telemetry-path", "metrics"], "expected a path such as /metrics, got 'metrics'"),
        (["--web.telemetry-path", "//elsewhere/metrics"], "expected a path such as /metrics, got '//elsewhere/metrics'"),
        (["--web.telemetry-path", "/"], "but a page of the exporter's own is at '/'"),
        (["--web.telemetry-path", "/-/metrics"], "but a page of the exporter's own is at '/-/metrics'"),
        (["--web.telemetry-path", "/devices"], "but a page of the exporter's own is at '/devices'"),
        (["--web.telemetry-path", "/devices.json"], "but a page of the exporter's own is at '/devices.json'"),
        (["--web.telemetry-path", "/devices/pbd/metrics"], "but a page of the exporter's own is at '/devices/pbd/metrics'"),
        (["--web.external-url", "proxy.example/atess"], "expected a URL such as https://example.org/atess/, or only its path"),
        (["--web.external-url", "'https://proxy.example/atess'"], "argument --web.external-url: expected a URL such as"),
        (["--web.external-url", "ftp://proxy.example/"], "got 'ftp://proxy.example/'"),
        (["--web.route-prefix", "/a tess"], "argument --web.route-prefix: expected a path such as /atess, got '/a tess'"),
        (["--config.file"], "expected one argument"),
        (["--shard", "one"], "argument --shard: invalid int value: 'one'"),
        (["--shard", "1"], "argument --shard: expected a shard from 0 to 0, got 1"),
        (["--shard", "3", "--total-shards", "3"], "argument --shard: expected a shard from 0 to 2, got 3"),
        (["--online"], "--online needs --config.check"),
        (["--config.strict"], "--config.strict needs --config.check"),
        (["--total-shards", "0"], "argument --total-shards: expected 1 or more, got 0"),
    ],
)
def test_usage_errors_leave_with_two(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_bad_config_leaves_with_one_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG + "poll: {interval: soon}\n")
    for arguments in ([], ["--config.check"]):
        result = run("--config.file", str(path), *arguments)
        assert result.returncode == 1
        assert result.stderr == f"{path}:4: poll.interval: expected a duration such as 300, 30s, 5m or 1h, got 'soon'\n"
        assert result.stdout == ""


def test_a_bad_web_config_leaves_with_one_and_says_where(tmp_path: Path) -> None:
    path, web = tmp_path / "config.yaml", tmp_path / "web.yaml"
    path.write_text(CONFIG)
    web.write_text("basic_auth_users:\n  alice: hunter2\n")
    expected = f"{web}:2: basic_auth_users.alice: expected a bcrypt hash of a cost from 4 to 18, such as htpasswd -nB writes\n"
    for arguments in (["--config.file", str(path)], ["--config.file", str(path), "--config.check"], ["demo"]):
        result = run(*arguments, "--web.config.file", str(web))
        assert (result.returncode, result.stdout, result.stderr) == (1, "", expected)


def test_check_tells_of_a_good_web_config(tmp_path: Path) -> None:
    path, web = tmp_path / "config.yaml", tmp_path / "web.yaml"
    path.write_text(CONFIG)
    web.write_text("basic_auth_users: {}\n")
    result = run("--config.file", str(path), "--config.check", "--web.config.file", str(web))
    assert result.returncode == 0
    assert result.stdout.endswith(f"\n{web} is valid: no TLS, no authentication.\n")


def test_the_default_config_file_is_config_yaml() -> None:
    result = subprocess.run([sys.executable, "-m", "exporter"], capture_output=True, text=True, cwd="/", check=False)
    assert result.returncode == 1
    assert result.stderr == (
        "/config.yaml: cannot be read: No such file or directory; run `atess-exporter init` to make one, or name another with "
        "--config.file\n"
    )


def test_check_prints_the_devices_and_not_the_token(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    result = run("--config.file", str(path), "--config.check")
    assert result.returncode == 0
    assert "pbd   UMD1      pbd/data-last  300s      documented by the vendor" in result.stdout
    assert "made-up-token" not in result.stdout + result.stderr


def test_healthcheck_asks_the_exporter_that_runs_here(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:UMD1") as cloud:
        settings = {"api": {"base_url": cloud.url}, "devices": {"pbd": ["UMD1"]}}
        with exporter(tmp_path, settings) as it:
            address = it.url.removeprefix("http://")
            healthy = run("healthcheck", "--web.listen-address", address)
            assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "healthy\n", "")
            # a wildcard is no address to ask
            assert run("healthcheck", "--web.listen-address", f":{address.rpartition(':')[2]}").returncode == 0
    with nobody_listens() as address:
        gone = run("healthcheck", "--web.listen-address", address)
    assert gone.returncode == 1
    assert re.fullmatch(r"atess-exporter: no answer from port \d+: .*refused\n", gone.stderr)


@pytest.mark.parametrize(
    ("arguments", "route", "link"),
    [
        (["--web.external-url=https://example.org/atess/"], "/atess", "/atess"),
        (["--web.external-url=https://example.org/atess/", "--web.route-prefix=/"], "", "/atess"),
        (["--web.external-url=https://example.org/out", "--web.route-prefix=in"], "/in", "/out"),
        (["--web.route-prefix=/atess/"], "/atess", "/atess"),
        (["--web.external-url=https://example.org"], "", ""),
        (["--web.external-url=", "--web.route-prefix="], "", ""),
    ],
)
def test_behind_a_proxy_everything_is_below_a_prefix(tmp_path: Path, arguments: list[str], route: str, link: str) -> None:
    with nobody_listens() as cloud, exporter(tmp_path, {"api": {"base_url": f"http://{cloud}"}} | PBD, *arguments) as it:
        root = it.url.removesuffix(route)
        assert it.url == root + route
        assert f'<a href="{link}/devices">' in it.get("/").text
        assert it.get("/metrics").status_code == it.get("/-/ready").status_code == 200
        assert requests.post(f"{it.url}/-/reload", timeout=30).status_code == 200
        address = root.removeprefix("http://")
        assert run("healthcheck", "--web.listen-address", address, *arguments).stdout == "healthy\n"
        if route:
            assert requests.get(f"{root}/metrics", timeout=30).status_code == 404
            assert run("healthcheck", "--web.listen-address", address).returncode == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\nthe loop", "the loop"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP status 404"),
        (b"", "no answer from port"),
        (b"220 mail.example\r\n", "no answer from port"),
    ],
)
def test_healthcheck_says_what_is_wrong(answer: bytes, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            # a second time where it tries TLS
            while True:
                connection, _ = listener.accept()
                with connection:
                    if not connection.recv(1000):
                        return
                    connection.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        address = listener.getsockname()
        result = run("healthcheck", "--web.listen-address", f"127.0.0.1:{address[1]}")
        socket.create_connection(address).close()
        server.join(10)
    assert result.returncode == 1
    assert result.stderr.startswith(f"atess-exporter: {told}")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("host_name", "code", "told"),
    [
        ("atess-exporter-1", 0, "of shard 1 of 3."),
        ("atess-exporter-3", 2, "expected a shard from 0 to 2, got 3"),
        ("vm", 2, "the host's name 'vm' does not end in a number"),
    ],
)
def test_the_shard_comes_from_the_name_of_a_stateful_set_s_pod(tmp_path: Path, host_name: str, code: int, told: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    named = f"import socket; socket.gethostname = lambda: {host_name!r}; from exporter.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", named, "--config.file", str(path), "--config.check", "--total-shards", "3"]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "ATESS_API_TOKEN": "made-up-token"}
    )
    assert result.returncode == code
    assert told in result.stdout + result.stderr


def test_an_address_in_use_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken_port = taken.getsockname()[1]
        # nobody accepts: what asks who is there must not wait for long
        address = f"127.0.0.1:{taken_port}"
        result = run("--config.file", str(path), "--web.listen-address", address)
    assert result.returncode == 1
    port = taken_port % 65535 + 1
    told = f"does another exporter run, or another program? Give --web.listen-address another port, such as :{port}"
    assert result.stderr == f"atess-exporter: cannot listen on {address}: Address already in use; {told}\n"


def test_an_address_that_another_exporter_has_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    with running([sys.executable, "-m", "exporter", "demo", "--web.listen-address", "127.0.0.1:0"]) as process:
        address = process.wait_for(r"Open http://(\S+)/ ")[1]
        process.wait_for("msg=started")
        result = run("--config.file", str(path), "--web.listen-address", address)
    assert result.returncode == 1
    assert "Address already in use; an exporter that runs already answers there: stop that one" in result.stderr


@pytest.mark.parametrize("address", [":0", "[::1]:0", "localhost:0"])
def test_forms_of_an_address(address: str) -> None:
    with running([sys.executable, "-m", "exporter", "demo", "--web.listen-address", address]) as process:
        url = process.wait_for(r"Open (http://\S+)/ ")[1]
        assert eventually(lambda: requests.get(f"{url}/-/ready", timeout=10)).status_code == 200


def test_the_demo_shows_moving_numbers_of_every_type_and_an_offline_device(sized: Sized) -> None:
    with running(demo_command(INTERVAL=sized(short=1, long=demo.INTERVAL))) as process:
        url = process.wait_for(r"Open (http://\S+)/ ")[1]
        process.wait_for("msg=started")

        def page() -> dict[str, float]:
            return samples(requests.get(f"{url}/metrics", timeout=10).content)

        def up() -> set[str]:
            return {name.split('type="')[1].rstrip('"}') for name, value in page().items() if "device_up{" in name and value == 1}

        eventually(lambda: up() == {"pbd", "pcs", "hps_central", "hps_string", "bcu", "mbms"})
        assert "simulated" in requests.get(url, timeout=10).text
        first = page()
        eventually(
            lambda: {name for name, value in page().items() if "atess_vbat{" in name and first.get(name, value) != value}, 40
        )
        times = {name: value for name, value in page().items() if "data_timestamp" in name}
        assert max(times.values()) - min(times.values()) > 3600
        process.signal(signal.SIGINT)
        assert process.popen.wait(10) == 0
        assert "Traceback" not in process.output


def test_files_are_copied_over_none_that_is_there(tmp_path: Path) -> None:
    output = tmp_path / "new" / "folder"
    first = run("files", "--output", str(output))
    assert first.returncode == 0
    assert (output / "grafana/dashboards/device.json").read_bytes() == Path("grafana/dashboards/device.json").read_bytes()
    assert {Path(line) for line in first.stdout.splitlines()} == {file for file in output.rglob("*") if file.is_file()}
    (output / "config.example.yaml").unlink()
    (output / "prometheus/rules.yml").write_text("mine")
    again = run("files", "--output", str(output))
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists already; name another folder, or move it away" in again.stderr
    assert not (output / "config.example.yaml").exists()
    assert (output / "prometheus/rules.yml").read_text() == "mine"
    blocked = run("files", "--output", str(output / "prometheus/rules.yml"))
    assert blocked.returncode == 1
    assert "Traceback" not in blocked.stderr
    assert blocked.stderr.startswith("cannot write ")


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--config.strict"], 1)])
def test_check_warns_of_what_is_valid_but_wrong_and_fails_for_it_if_strict(tmp_path: Path, flags: list[str], code: int) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("api: {timezone: Asia/Bangkok}\ndevices:\n  pbd:\n    - deviceSn:UMD1\n")
    result = run("--config.file", str(path), "--config.check", *flags)
    assert result.returncode == code
    assert f"{path} is valid: 1 device asks" in result.stdout
    assert result.stderr == (
        f"warning: {path}:4: deviceSn 'deviceSn:UMD1' begins with a key; put a space after the colon, or give the serial number "
        "alone\n"
    )
