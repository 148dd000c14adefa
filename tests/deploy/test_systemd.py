"""The systemd unit, as far as it can be judged where systemd is not running: by systemd-analyze, and against the exporter."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import trustme

from exporter import cli
from exporter.config.load import load
from tests.helpers.docs import example

UNIT: Final = Path("deploy/systemd/atess-exporter.service")
TEMPLATE: Final = Path("deploy/systemd/atess-exporter@.service")
DROP_IN: Final = Path("deploy/systemd/atess-exporter.service.d/web.conf")
SOCKET: Final = Path("deploy/systemd/atess-exporter.socket")
PROGRAM: Final = "/opt/atess-exporter/bin/atess-exporter"


def _settings() -> dict[str, list[str]]:
    """The unit's settings, each with its values in order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def _analyze(*arguments: str | Path) -> str:
    tool = shutil.which("systemd-analyze")
    assert tool, "no systemd-analyze: run the tests by make test"
    done = subprocess.run([tool, "--no-pager", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_it_is_little_exposed() -> None:
    report = _analyze("security", "--offline=yes", "--threshold=20", UNIT)
    exposure = re.search(r"Overall exposure level for atess-exporter\.service: ([\d.]+)", report)
    assert exposure, report
    assert float(exposure[1]) <= 2.0


def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    # with the program where it is here: systemd-analyze looks for it
    here = Path(sys.executable).with_name("atess-exporter")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace(PROGRAM, str(here)), encoding="utf-8")
    assert str(here) in copy.read_text(encoding="utf-8")
    assert _analyze("verify", "--recursive-errors=no", copy) == ""


def test_systemd_finds_nothing_wrong_with_the_socket_beside_it(tmp_path: Path) -> None:
    here = Path(sys.executable).with_name("atess-exporter")
    service = UNIT.read_text(encoding="utf-8").replace(PROGRAM, str(here))
    (tmp_path / UNIT.name).write_text(re.sub("(?m)^ExecStart=.*$", r"\g<0> --web.systemd-socket", service), encoding="utf-8")
    copy = tmp_path / SOCKET.name
    copy.write_text(SOCKET.read_text(encoding="utf-8"), encoding="utf-8")
    assert _analyze("verify", "--recursive-errors=no", copy) == ""
    # whom it passes the sockets to is the unit of its own name
    assert SOCKET.stem == UNIT.stem
    assert "\nListenStream=9837\n" in copy.read_text(encoding="utf-8")


def test_the_exporter_takes_the_arguments() -> None:
    (command,) = _settings()["ExecStart"]
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    assert cli.parser().parse_args(arguments).config == Path("/etc/atess-exporter/config.yaml")


def test_it_is_started_again_after_whatever_end_nobody_asked_for() -> None:
    """systemd.service(5): on-failure would leave out an end by SIGHUP, SIGINT, SIGTERM or SIGPIPE, and one with 0."""
    settings = _settings()
    assert settings["Restart"] == ["always"]
    # as argparse ends at wrong usage
    assert settings["RestartPreventExitStatus"] == ["2"]


def test_systemd_waits_until_it_is_ready() -> None:
    assert _settings()["Type"] == ["notify"]
    # to tell so, it needs the socket of sd_notify(3), and to be the service's main process
    assert "AF_UNIX" in _settings()["RestrictAddressFamilies"][0]
    assert "NotifyAccess" not in _settings()


def test_reload_sends_the_signal_that_the_exporter_reloads_at() -> None:
    assert _settings()["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_the_config_finds_the_token_where_systemd_puts_it(tmp_path: Path) -> None:
    """The path is the one that systemd.exec(5) gives for files in which nothing is put in for a name."""
    (credential,) = _settings()["LoadCredential"]
    name, source = credential.split(":")
    assert source == "/etc/atess-exporter/token"
    snippet = f"api:\n  token_file: /run/credentials/{UNIT.name}/{name}\n"
    assert example("install/pip.md", "/run/credentials") == snippet
    assert snippet in UNIT.read_text(encoding="utf-8").replace("\n#   ", "\n")
    path = tmp_path / "config.yaml"
    path.write_text(f"{snippet}devices: {{pbd: [UMD0D23202]}}\n", encoding="utf-8")
    config = load(path, {"ATESS_API_TOKEN": "made up"})
    assert str(config.api.token_file) == f"/run/credentials/{UNIT.name}/{name}"
    assert not {"Environment", "EnvironmentFile", "SetCredential"} & set(_settings())


def test_the_exporter_may_do_what_it_does() -> None:
    """Its metrics of the process need /proc/stat, which ProcSubset=pid hides; its event loop and resolvers need Unix sockets."""
    settings = _settings()
    assert "ProcSubset" not in settings
    assert set(settings["RestrictAddressFamilies"][0].split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}
    # systemd.exec(5): what is not in the first is refused, and the second takes away from it
    assert settings["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


def _lines(unit: Path) -> list[str]:
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_an_instance_is_the_service_with_files_and_flags_of_its_own() -> None:
    one, template = _lines(UNIT), _lines(TEMPLATE)
    assert [line for line in template if line not in one] == [
        "Description=Prometheus exporter for ATESS inverters and batteries (%i)",
        "EnvironmentFile=-/etc/atess-exporter/%i.env",
        f"ExecStart={PROGRAM} --config.file=/etc/atess-exporter/%i.yaml $FLAGS",
        "LoadCredential=token:/etc/atess-exporter/%i.token",
        "RuntimeDirectory=atess-%i",
    ]
    assert len(template) == len(one) + 1
    flags = re.search(r"(?m)^#   FLAGS=(.*)$", TEMPLATE.read_text(encoding="utf-8"))
    assert flags
    parsed = cli.parser().parse_args(shlex.split(flags[1]))
    assert (parsed.shard, parsed.total_shards, parsed.listen) == (1, 2, [("", 9838)])


def test_systemd_finds_nothing_wrong_with_an_instance(tmp_path: Path) -> None:
    here = Path(sys.executable).with_name("atess-exporter")
    (tmp_path / TEMPLATE.name).write_text(TEMPLATE.read_text(encoding="utf-8").replace(PROGRAM, str(here)), encoding="utf-8")
    instance = tmp_path / "atess-exporter@north.service"
    instance.symlink_to(tmp_path / TEMPLATE.name)
    assert _analyze("verify", "--recursive-errors=no", instance) == ""


def test_the_drop_in_gives_the_web_config_with_its_certificate(tmp_path: Path) -> None:
    here = str(Path(sys.executable).with_name("atess-exporter"))
    folder = tmp_path / "units" / DROP_IN.parent.name
    folder.mkdir(parents=True)
    service = tmp_path / "units" / UNIT.name
    service.write_text(UNIT.read_text(encoding="utf-8").replace(PROGRAM, here), encoding="utf-8")
    (folder / DROP_IN.name).write_text(DROP_IN.read_text(encoding="utf-8").replace(PROGRAM, here), encoding="utf-8")
    assert _analyze("verify", "--recursive-errors=no", service) == ""

    settings = [line.partition("=")[::2] for line in _lines(DROP_IN) if "=" in line]
    credentials = dict(value.split(":") for name, value in settings if name == "LoadCredential")
    assert credentials == {name: f"/etc/atess-exporter/{name}" for name in ("web.yaml", "tls.crt", "tls.key")}
    # the first empties what the unit has
    before, command = [value for name, value in settings if name == "ExecStart"]
    assert before == ""
    copies = tmp_path / "credentials"
    copies.mkdir()
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(copies / "tls.crt")
    certificate.private_key_pem.write_to_path(copies / "tls.key")
    text = DROP_IN.read_text(encoding="utf-8")
    written = "\n".join(re.findall(r"(?m)^#   (tls_server_config:|  (?:cert|key)_file: .*)$", text))
    (copies / "web.yaml").write_text(written, encoding="utf-8")
    config = tmp_path / "config.yaml"
    config.write_text("devices: {pbd: [A]}\n")
    arguments = command.replace("%d", str(copies)).replace("/etc/atess-exporter/config.yaml", str(config))
    done = subprocess.run(
        [here, *shlex.split(arguments)[1:], "--config.check"],
        capture_output=True,
        text=True,
        check=False,
        env={"ATESS_API_TOKEN": "made-up-token"},
    )
    assert done.returncode == 0, done.stderr
    assert f"{copies}/web.yaml is valid: TLS" in done.stdout
