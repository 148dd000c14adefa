"""Where the server listens: at several addresses, at a Unix socket, on systemd's sockets."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import trustme

from exporter.commands.healthcheck import find_problem
from exporter.web import ListenError, Rotation, Server, create_app, listen_all
from exporter.web.listener import listen
from tests.helpers.processes import free_port, running
from tests.helpers.web_parts import Parts, site
from tools.attackers import web_config

DEMO = [sys.executable, "-m", "exporter", "demo"]


def test_an_exporter_answers_at_each_of_its_addresses(tmp_path: Path) -> None:
    path = tmp_path / "exporter.sock"
    server = Server(listeners=listen_all([("127.0.0.1", 0), path, ("::1", 0)]))
    server.start(create_app(site(Parts())))
    try:
        first, at_path, last = server.urls
        assert at_path == f"unix:{path}"
        for url in (first, last):
            assert requests.get(f"{url}/-/ready", timeout=30).text == "ready\n"
        assert find_problem(path) is None
    finally:
        server.stop()
    assert not path.exists()
    assert find_problem(path) == f"no answer from unix:{path}: [Errno 2] No such file or directory"


def test_it_listens_at_all_of_them_or_at_none(tmp_path: Path) -> None:
    path = tmp_path / "exporter.sock"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            listen_all([path, ("127.0.0.1", port)])
    assert not path.exists()


def test_a_socket_that_was_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "exporter.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    assert path.is_socket()
    listener = listen(path)
    # whoever may reach the folder may connect
    assert path.stat().st_mode & 0o777 == 0o666
    listener.close()
    assert not path.exists()


def test_a_socket_in_use_and_what_is_no_socket_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "exporter.sock"
    listener = listen(path)
    with pytest.raises(ListenError, match=f"cannot listen on unix:{path}: Address already in use"):
        listen(path)
    # another took the place: it is not ours to remove
    path.unlink()
    path.write_text("precious")
    listener.close()
    with pytest.raises(ListenError, match=f"cannot listen on unix:{path}: there is a file that is no socket"):
        listen(path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize(("name", "told"), [("none/x.sock", "No such file or directory"), ("x" * 120, "AF_UNIX path too long")])
def test_a_path_where_nobody_can_listen(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(ListenError, match=f"cannot listen on unix:{tmp_path / name}: {told}"):
        listen(tmp_path / name)


def test_a_flag_for_each_address_and_a_health_check_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "exporter.sock"
    flags = [f"--web.listen-address={address}" for address in (f"unix:{path}", "127.0.0.1:0")]
    with running([*DEMO, *flags]) as process:
        url = process.wait_for(r"msg=listening address=(http://127\.0\.0\.1:\d+)")[1]
        assert requests.get(f"{url}/-/ready", timeout=30).text == "ready\n"
        command = [sys.executable, "-m", "exporter", "healthcheck", *flags]
        healthy = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "healthy\n", "")
    assert not path.exists()
    assert "Traceback" not in process.output


@pytest.mark.parametrize("newest", ["TLS12", "TLS13"])
def test_the_health_check_tells_that_one_answers_which_does_not_let_it_in(tmp_path: Path, newest: str) -> None:
    tls = f"client_auth_type: RequireAndVerifyClientCert, client_ca_file: server.pem, max_version: {newest}"
    with_certificate = web_config(tmp_path, trustme.CA())
    with_certificate.write_text(f"tls_server_config: {{cert_file: server.pem, key_file: server.key, {tls}}}\n")
    limited = tmp_path / "limited.yaml"
    limited.write_text("rate_limit: {interval: 1h}\n")
    for path in (with_certificate, limited):
        server = Server("127.0.0.1", 0, Rotation(path))
        server.start(create_app(site(Parts())))
        try:
            assert find_problem("127.0.0.1", int(server.url.rpartition(":")[2])) is None
        finally:
            server.stop()


def test_systemd_s_sockets_are_taken(tmp_path: Path) -> None:
    tool = shutil.which("systemd-socket-activate")
    assert tool, "no systemd-socket-activate: run the tests by make test"
    path, port = tmp_path / "exporter.sock", free_port()
    listen = [f"--listen=127.0.0.1:{port}", f"--listen={path}"]
    # it starts the program at the first connection
    with running([tool, *listen, "--setenv=PYTHONUNBUFFERED", *DEMO, "--web.systemd-socket"]) as process:
        process.wait_for("Listening on")
        assert requests.get(f"http://127.0.0.1:{port}/-/healthy", timeout=60).text == "healthy\n"
        assert process.wait_for(r"msg=started .*address=(\S+)")[1] == f"http://127.0.0.1:{port}"
        assert process.wait_for(r"msg=listening address=(\S+)")[1] == f"unix:{path}"
        assert find_problem(path) is None
    # it is systemd's, and serves the next start
    assert path.is_socket()
    assert "Traceback" not in process.output


def test_without_systemd_its_sockets_are_a_clear_error() -> None:
    result = subprocess.run([*DEMO, "--web.systemd-socket"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr == (
        "atess-exporter: cannot listen on systemd's sockets: it has passed none on; expected to be started by a .socket unit\n"
    )
