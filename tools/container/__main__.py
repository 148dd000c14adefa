"""`python -m tools.container`: build the image from the Dockerfile, and run it as a careful user would.

No registry of images is asked: the base is made of Debian's packages by debootstrap and tagged with the name that the
Dockerfile gives. So it proves the Dockerfile and what it puts on its base, not the base itself. Needs root, buildah, podman,
runc and debootstrap. Everything is kept in a folder of its own and removed at the end, but for the base, in .tools.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tests.helpers.processes import TOKEN, free_port, simulated_cloud

BASE: Final = Path(".tools/container/base.tar")
IMAGE: Final = "localhost/atess-exporter:test"
#: Of the base that stands in; its Python is Debian's, 3.13.
SUITE: Final = "trixie"
#: Where the exporter listens and HEALTHCHECK looks unless told otherwise.
DEFAULT_PORT: Final = 9837

CONFINED: Final = [
    "--runtime=runc",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=512:512",
]


class Failed(Exception):
    """A check failed; the message says which."""


def main() -> int:
    """Run every check. Returns 0, or 1 with the first that failed."""
    if os.geteuid() != 0:
        print("make test-container needs root", file=sys.stderr)
        return 1
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    with tempfile.TemporaryDirectory(prefix="atess-container-") as folder:
        store = Path(folder)
        os.environ |= {"STORAGE_DRIVER": "vfs", "CONTAINERS_STORAGE_CONF": str(_storage(store))}
        try:
            _build(_base_name())
            _report_size()
            for check in (_demo_runs_confined, _live_runs_with_config_and_token, _what_is_missing_is_one_line):
                check(store)
                print(f"ok: {check.__name__.removeprefix('_').replace('_', ' ')}", flush=True)
        except (Failed, subprocess.CalledProcessError) as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    return 0


def _storage(folder: Path) -> Path:
    config = folder / "storage.conf"
    config.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
    return config


def _base_name() -> str:
    found = re.search(r"^FROM (\S+:\S+)", Path("Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    _expect(found is not None, "the Dockerfile names a base with a tag")
    assert found is not None
    return found[1]


def _build(base: str) -> None:
    if not BASE.exists():
        _make_base()
    _run("podman", "import", "--quiet", str(BASE), base)
    # the machine's certificates, for whatever stands between it and the index
    trust = ["--volume=/etc/ssl/certs:/etc/ssl/certs:ro"]
    _run("buildah", "build", "--isolation=chroot", "--pull-never", "--format=docker", *trust, f"--tag={IMAGE}", ".")


def _make_base() -> None:
    print("making the base: some minutes, once", flush=True)
    BASE.parent.mkdir(parents=True, exist_ok=True)
    root = BASE.parent / "root"
    shutil.rmtree(root, ignore_errors=True)
    _run("debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", SUITE, str(root))
    for name in ("python", "python3"):
        # where the official image has them
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    for waste in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / waste, ignore_errors=True)
    _run("tar", "-C", str(root), "-cf", f"{BASE}.new", ".")
    Path(f"{BASE}.new").replace(BASE)
    shutil.rmtree(root)


def _report_size() -> None:
    image = _inspect(IMAGE)
    history = json.loads(_run("podman", "history", "--format=json", IMAGE))
    own = [layer["size"] for layer in history[:-1] if layer["size"]]
    print(
        f"image: {image['Size'] / 1e6:.0f} MB, of which {sum(own) / 1e6:.0f} MB in {len(own)} layers are not the base's",
        flush=True,
    )
    config = image["Config"]
    _expect(config["User"] == "65532:65532", "a user by number")
    _expect(config["StopSignal"] in ("SIGTERM", "15"), "the signal to stop it")


def _demo_runs_confined(store: Path) -> None:
    # an empty file in the shell's place: whatever needs one fails
    no_shell = store / "no-shell"
    no_shell.touch(mode=0o644)
    # a network of its own, so that the image's own port and health check are tried beside whatever listens on this machine
    with _running("--network=none", f"--volume={no_shell}:/usr/bin/dash:ro", arguments=["demo"]) as name:
        pid = _inspect(name)["State"]["Pid"]
        _eventually(lambda: "atess_epv_today{" in _page(DEFAULT_PORT, "nsenter", f"--target={pid}", "--net"))
        status = Path(f"/proc/{pid}/status").read_text()
        _expect("Uid:\t65532\t65532\t65532\t65532" in status, "not root")
        _expect(re.search(r"CapBnd:\t0+\n", status) is not None, "no capabilities")
        _run("podman", "healthcheck", "run", name)
        state = _inspect(name)["State"]
        # called one or the other, by podman's version
        _expect((state.get("Health") or state["Healthcheck"])["Status"] == "healthy", "HEALTHCHECK is healthy")
        _expect_stops(name)


def _live_runs_with_config_and_token(store: Path) -> None:
    port = free_port()
    with simulated_cloud("--devices", "pbd:UMD0D23202,pbd:UMD0D23203") as cloud:
        config, token = store / "config" / "config.yaml", store / "secrets" / "atess_token"
        for folder in (config.parent, token.parent):
            folder.mkdir(mode=0o755)
        api = {"base_url": cloud.url, "token_file": "/run/secrets/atess_token"}
        config.write_text(yaml.safe_dump({"api": api, "devices": {"pbd": ["UMD0D23202"]}}))
        token.write_text(TOKEN)
        # as a secret is kept: for the image's user alone
        os.chown(token, 65532, 65532)
        token.chmod(0o400)
        mounts = [f"--volume={config.parent}:/etc/atess-exporter:ro", f"--volume={token.parent}:/run/secrets:ro"]
        arguments = [f"--web.listen-address=127.0.0.1:{port}"]
        with _running("--network=host", *mounts, arguments=arguments) as name:
            _eventually(lambda: 'atess_device_up{deviceSn="UMD0D23202",type="pbd"} 1' in _page(port))
            # as an editor does: another file in the place of the old one
            fresh = config.with_suffix(".new")
            fresh.write_text(yaml.safe_dump({"api": api, "devices": {"pbd": ["UMD0D23202", "UMD0D23203"]}}))
            fresh.replace(config)
            _run("podman", "kill", "--signal=HUP", name)
            _eventually(lambda: 'atess_device_up{deviceSn="UMD0D23203",type="pbd"} 1' in _page(port))
            log = _log(name)
            _expect("device is up" in log, "a log")
            _expect(TOKEN not in log, "no token in the log")
            _expect_stops(name)


def _what_is_missing_is_one_line(store: Path) -> None:
    command = ["podman", "run", "--rm", "--network=none", *CONFINED, IMAGE]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    _expect(ended.returncode == 1, "exit code 1 without a config")
    told = [line for line in ended.stderr.splitlines() if "config.yaml" in line]
    _expect(told == ["config.yaml: cannot be read: No such file or directory"], f"one line about the config, not {ended.stderr}")
    _expect("Traceback" not in ended.stderr, "no traceback")


def _expect_stops(name: str) -> None:
    # what does not end by itself within 2 s is killed, and that is another exit code
    began = time.monotonic()
    _run("podman", "stop", "--time=2", name)
    _expect(_inspect(name)["State"]["ExitCode"] == 0, "exit code 0 within 2 s of SIGTERM")
    print(f"stopped in {time.monotonic() - began:.1f} s, podman's own time included", flush=True)


@contextlib.contextmanager
def _running(*options: str, arguments: list[str]) -> Iterator[str]:
    """Run the image; return its container's name. Failures inside are told with the container's log."""
    name = f"atess-exporter-test-{os.getpid()}"
    try:
        _run("podman", "run", "--detach", f"--name={name}", *CONFINED, *options, IMAGE, *arguments)
        yield name
    except Exception as error:
        raise Failed(f"{error or type(error).__name__}; the container's log:\n{_log(name)}") from error
    finally:
        _run("podman", "rm", "--force", "--time=0", name, check=False)


def _page(port: int, *within: str) -> str:
    """Return the metrics page on `port`, or nothing yet. `within` is a command that runs another in a container's network."""
    fetch = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())"
    return _run(*within, sys.executable, "-c", fetch, f"http://127.0.0.1:{port}/metrics", check=False)


def _log(name: str) -> str:
    """Return what the exporter wrote, to either stream."""
    command = ["podman", "logs", name]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def _eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        _expect(time.monotonic() < end, f"an answer within {seconds} s")
        time.sleep(0.2)


def _inspect(name: str) -> dict[str, Any]:
    return dict(json.loads(_run("podman", "inspect", name))[0])


def _expect(truth: bool, what: str) -> None:
    if not truth:
        raise Failed(f"expected {what}")


def _run(*command: str, check: bool = True) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and ended.returncode:
        raise Failed(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
    return ended.stdout


sys.exit(main())
