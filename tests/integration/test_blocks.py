"""How the blocks of documentation are found, checked and run: on pages made here. test_documentation has the real ones."""

import fcntl
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import gettempdir

import pytest

from tests.helpers.processes import eventually
from tools.blocks.block import blocks_of, problems
from tools.blocks.checks import Wrong, check
from tools.blocks.network import entry
from tools.blocks.output import found_in
from tools.blocks.run import run, written_anew
from tools.blocks.shell import Failed, Shell, shell

Page = Callable[[str], Path]

GOOD_CONFIG = "api:\n  token_file: token\n  timezone: Asia/Bangkok\ndevices: {pbd: [UMD1]}\n"


@pytest.fixture
def page(tmp_path: Path) -> Page:
    def write(text: str) -> Path:
        path = tmp_path / "page.md"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Shell]:
    folder = tmp_path / "home"
    folder.mkdir()
    with shell(folder) as found:
        yield found


def fenced(language: str, text: str, mark: str | None = None) -> str:
    return (f"<!-- {mark} -->\n" if mark else "") + f"```{language}\n{text.rstrip()}\n```\n\n"


# --- marks ---


def test_a_block_has_its_mark_its_place_and_its_section(page: Page) -> None:
    path = page(
        "# Title\n\n## First\n\n### One\n\n<!-- example: it -->\n<!-- config: a/b.yaml -->\n```yaml\nx: 1\n```\n\n"
        "- In a list:\n\n    <!-- run -->\n    ```sh\n    a\n      b\n    ```\n\n<!-- stop -->\n\n<!-- run -->\n\n```sh\nc\n```\n"
    )
    config, indented, stop, unmarked = blocks_of(path)
    assert (config.mark, config.argument, config.file) == ("config", "a/b.yaml", "a/b.yaml")
    assert (config.section, config.line) == ("First", 9)
    assert (indented.mark, indented.text, indented.runs, indented.runs_on) == ("run", "a\n  b\n", True, False)
    assert stop.mark == "stop"
    # a line between them parts the two
    assert unmarked.mark is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (fenced("sh", "ls"), "no mark; expected one of run, "),
        (fenced("sh", "ls", "config"), "no mark; "),
        (fenced("yaml", "a: 1"), "no mark; expected one of config, "),
        (fenced("bash", "ls", "run"), "say sh after the fence, not bash"),
        (fenced("", "ls"), "say text after the fence, not nothing"),
        (fenced("sh", "ls", "not run"), "expected <!-- not run: ... -->"),
        (fenced("yaml", "a: 1", "not checked"), "expected <!-- not checked: ... -->"),
        (fenced("sh", "ls", "run until"), "expected <!-- run until: ... -->"),
        (fenced("sh", "ls", "run: it"), "only `run until` takes a text"),
        (fenced("console", "out"), "no sh block before it"),
        (fenced("sh", "ls", "run") + fenced("yaml", "a: 1", "file: x") + fenced("console", "out"), "no sh block before it"),
    ],
)
def test_a_block_without_what_it_needs_is_told(page: Page, text: str, problem: str) -> None:
    (found,) = problems(blocks_of(page(f"# Title\n\n{text}")))
    assert problem in found
    assert re.match(r".*/page\.md:\d+: ", found)


@pytest.mark.parametrize(
    "text",
    [
        fenced("sh", "ls", "not run: needs root"),
        fenced("yaml", "a: 1", "not checked: Grafana's own"),
        fenced("sh", "ls", "run") + fenced("console", "out"),
        fenced("console", "out", "not compared: the real cloud's"),
        fenced("promql", "up"),
        fenced("ini", "[Service]"),
    ],
)
def test_a_marked_block_is_right(page: Page, text: str) -> None:
    assert list(problems(blocks_of(page(text)))) == []


# --- what is checked ---


@pytest.mark.parametrize(
    ("mark", "good", "bad", "told"),
    [
        ("config", GOOD_CONFIG, GOOD_CONFIG.replace("pbd", "pbb"), "unknown type"),
        ("config", GOOD_CONFIG, GOOD_CONFIG.replace("timezone", "time_zone"), "api.time_zone"),
        ("config", GOOD_CONFIG, GOOD_CONFIG.replace("  timezone: Asia/Bangkok\n", ""), "api.timezone: not set"),
        ("config", "api: {token: Basic <your token>, timezone: Etc/UTC}\ndevice_files: [all/*.yaml]\n", "api: {}", "no devices"),
        ("config part", "poll: {interval: 5m}", "poll: {intervall: 5m}", "poll.intervall"),
        ("config part", "types: {mine: {path: a/b}}\ndevices: {mine: [X]}", "types: {mine: {}}", "a type of your own needs one"),
        ("config part", "api: {token_file: /run/its/token}", "api: {token_fil: x}", "api.token_fil"),
        ("config part", "discovery: {datalog_sns: [L1]}", "discovery: {}", "datalog_sns"),
        ("device file", "pbd: [A, B]", "pbb: [A]", "unknown type"),
        (
            "web-config",
            "tls_server_config: {cert_file: my.pem, key_file: my.key}",
            "tls_server_config: {key_file: my.key}",
            "cert",
        ),
        ("prometheus", "scrape_configs: [{job_name: atess}]", "scrape_configs: [{jobname: atess}]", "jobname"),
        (
            "rules",
            "groups: [{name: a, rules: [{record: 'a:b', expr: sum(up)}]}]",
            "groups: [{name: a, rules: [{record: 'a:b', expr: sum(up}]}]",
            "parse error",
        ),
    ],
)
def test_yaml_is_read_by_what_will_read_it(page: Page, mark: str, good: str, bad: str, told: str) -> None:
    for block in blocks_of(page(fenced("yaml", good, mark) + fenced("yaml", good, f"{mark}: file.yaml"))):
        check(block)
    (block,) = blocks_of(page(fenced("yaml", bad, mark)))
    with pytest.raises(Wrong, match=re.escape(told)) as wrong:
        check(block)
    assert str(wrong.value).startswith(f"{block}: ")


def test_each_query_of_a_block_is_parsed(page: Page) -> None:
    good, bad = blocks_of(page(fenced("promql", "# all\nsum(up)\n\nmax(up)") + fenced("promql", "sum(up)\n\nmax(up")))
    check(good)
    with pytest.raises(Wrong, match="unclosed"):
        check(bad)


# --- what is compared ---


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        (["at 2026-11-28 20:00:00"], ["at 2026-11-29 07:12:03"]),
        (["ts=2026-11-28T20:00:00.123Z msg=up"], ["ts=2027-01-01T00:00:00Z msg=up"]),
        (['atess_capacity{deviceSn="A",type="pbd"} 48'], ['atess_capacity{deviceSn="A",type="pbd"} 7.5']),
        (["took 3 s"], ["took 12.4 s"]),
        (["atess-exporter 0.2.0"], ["atess-exporter 0.3.0"]),
        (["http://127.0.0.1:40123/api"], ["http://127.0.0.1:55001/api"]),
        (["first", "...", "last"], ["first", "a", "b", "last"]),
        (["first", "...", "last"], ["first", "last"]),
    ],
)
def test_what_changes_from_run_to_run_does_not_count(shown: list[str], output: list[str]) -> None:
    found = found_in(shown, output, gaps=False)
    assert found is not None
    assert [line for line in found if line != "..."] == [output[0], output[-1]][: len(shown) - shown.count("...")]


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        (["3 devices"], ["4 devices"]),
        (['atess_device_up{deviceSn="A",type="pbd"} 1'], ['atess_device_up{deviceSn="A",type="pbd"} 0']),
        (['atess_capacity{deviceSn="A",type="pbd"} 48'], ['atess_capacity{deviceSn="B",type="pbd"} 48']),
        (["http://127.0.0.1:9837/"], ["http://127.0.0.1:9090/"]),
        (["one"], ["one", "two"]),
        (["one", "two"], ["one"]),
        (["two", "...", "one"], ["one", "two"]),
        ([], ["one"]),
    ],
)
def test_what_is_told_does_count(shown: list[str], output: list[str]) -> None:
    assert found_in(shown, output, gaps=False) is None


def test_a_log_may_have_other_lines_between_but_in_that_order() -> None:
    assert found_in(["b 1 s", "d"], ["a", "b 2 s", "c", "d", "e"], gaps=True) == ["b 2 s", "d"]
    assert found_in(["d", "b"], ["a", "b", "c", "d"], gaps=True) is None
    assert found_in([], ["a"], gaps=True) is None


# --- what runs ---


def test_a_page_runs_in_one_shell_and_its_output_is_compared(page: Page, running: Shell) -> None:
    path = page(
        fenced("sh", "number=3; mkdir sub; cd sub", "run")
        + fenced("ini", "[Unit]", "file: sub/a.conf")
        + fenced("sh", 'cat a.conf; echo "$number devices"; pwd', "run")
        + fenced("console", "[Unit]\n3 devices\n/home/you/sub")
        + fenced("sh", "echo never", "not run: not here")
        + fenced("console", "anything")
        + fenced("sh", "echo four >&2", "run")
        + fenced("console", "five")
    )
    right, wrong = run(blocks_of(path), running)
    assert right.found == right.lines == ["[Unit]", "3 devices", "/home/you/sub"]
    assert wrong.found is None
    assert "expected:\nfive\ngot:\nfour" in str(wrong)
    assert written_anew(path, [right, wrong]) == path.read_text().replace("five", "four")


@pytest.mark.parametrize("script", ["false\necho on", "no-such-program", 'echo "$unset"', "exit 3"])
def test_a_script_that_fails_ends_the_page(page: Page, running: Shell, script: str) -> None:
    with pytest.raises(Failed, match=re.escape(script.splitlines()[0])):
        run(blocks_of(page(fenced("sh", "echo first", "run") + fenced("sh", script, "run"))), running)


@pytest.mark.skipif(not entry(), reason="nobody may make a network here")
def test_every_port_is_free_and_nothing_but_loopback_is_there(running: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running.run(f"python -m http.server --bind 127.0.0.1 {port} &\n", runs_on=True)
        assert running.run(f"curl -s -o /dev/null -w '%{{http_code}}\\n' 127.0.0.1:{port}").lines() == ["200"]
    assert running.run("cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '").lines()[0] == "lo"
    assert running.run("curl -s --retry 0 192.0.2.1 || echo unreachable").lines() == ["unreachable"]


def test_where_nobody_may_make_a_network_one_page_has_the_machine_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.blocks.network.entry", list)
    with shell(tmp_path) as found:
        assert found.run("readlink /proc/self/ns/net").lines() == [str(Path("/proc/self/ns/net").readlink())]
        with (Path(gettempdir()) / "documentation-blocks.lock").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_program_runs_on_until_it_is_stopped(page: Page, running: Shell) -> None:
    again = fenced("sh", "curl -s --retry 0 127.0.0.1:8000 >/dev/null && echo there || echo gone", "run")
    path = page(
        fenced("sh", "echo begins\npython -m http.server --bind 127.0.0.1 8000 &\necho serves", "run")
        + fenced("console", "serves")
        + again
        + fenced("console", "there")
        + "<!-- stop -->\n\n"
        + again
        + fenced("console", "gone")
    )
    assert [shown.found for shown in run(blocks_of(path), running)] == [["serves"], ["there"], ["gone"]]


def test_a_program_that_does_not_listen_is_told(page: Page, running: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.blocks.shell._START", 0.2)
    with pytest.raises(Failed, match=r"nothing listens after(.|\n)*no-such-program"):
        run(blocks_of(page(fenced("sh", "no-such-program &", "run"))), running)


def test_a_block_is_repeated_until_its_text_and_what_is_shown_are_there(page: Page, running: Shell) -> None:
    counted = fenced("sh", "echo line >> n\ncat n\nfalse", "run until: line") + fenced("console", "line\nline")
    (shown,) = run(blocks_of(page(counted)), running)
    assert shown.found == ["line", "line"]


def test_a_text_that_never_comes_and_a_script_that_never_ends_are_told(
    page: Page, running: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.blocks.shell._REPEAT", 0)
    with pytest.raises(Failed, match=r"page\.md:2: no 'up' in:\ndown"):
        run(blocks_of(page(fenced("sh", "echo down", "run until: up"))), running)
    monkeypatch.setattr("tools.blocks.shell._PATIENCE", 0.2)
    with pytest.raises(Failed, match=r"runs for more than(.|\n)*waiting"):
        run(blocks_of(page(fenced("sh", "echo waiting\nsleep 1000", "run"))), running)


@pytest.mark.parametrize("fails", [False, True])
def test_in_the_end_no_program_is_left(tmp_path: Path, fails: bool) -> None:
    pids: list[int] = []
    with pytest.raises(Failed) if fails else nullcontext(), shell(tmp_path) as found:
        found.run("python -m http.server --bind 127.0.0.1 8000 &\n echo $! > pid", runs_on=True)
        pids.append(int((tmp_path / "pid").read_text()))
        if fails:
            found.run("false")
    # killed is not yet dead
    eventually(lambda: not any(map(runs, pids)))


def runs(pid: int) -> bool:
    try:
        # who nobody waits for stays as a zombie
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
