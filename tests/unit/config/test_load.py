import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.catalogue.types import Evidence
from exporter.commands.check import format_table
from exporter.config.load import Config, ConfigError, load
from exporter.config.sharding import Shard
from exporter.polling.pacing import pace

TOKEN = "Basic bWFkZTp1cA=="
ENVIRONMENT = {"ATESS_API_TOKEN": TOKEN}
MINIMAL = "devices:\n  pbd:\n    - UMD1\n"


def write(tmp_path: Path, text: str | bytes, name: str = "config.yaml") -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def config(tmp_path: Path, text: str | bytes, environment: dict[str, str] | None = None) -> Config:
    return load(write(tmp_path, text), ENVIRONMENT if environment is None else environment)


def problems(tmp_path: Path, text: str | bytes, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text, environment)
    folder = f"{tmp_path}/"
    return [problem.replace(folder, "") for problem in caught.value.problems]


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    it = config(tmp_path, MINIMAL)
    (device,) = it.devices
    assert (device.type, device.sn, device.path, device.interval) == ("pbd", "UMD1", "pbd/data-last", 300)
    assert device.evidence is Evidence.DOCUMENTED
    assert it.api.base_url == "https://www.enerclo-atesspower.com/api/v1"
    assert (it.api.language, it.api.timeout, it.api.concurrency, it.api.requests_per_minute) == ("en", 15, 4, 60)
    assert it.api.zone is None
    assert (it.poll.interval, it.poll.stale_after) == (300, None)
    assert it.token.reveal() == TOKEN


def test_the_example_is_valid_but_for_the_token(tmp_path: Path) -> None:
    example = Path("config.example.yaml")
    it = load(example, ENVIRONMENT)
    assert [(d.type, d.sn, d.interval, d.info) for d in it.devices] == [
        ("pbd", "UMD0D23202", 300, {}),
        ("hps_central", "TND0D20233", 600, {"site": "Mae Hong Son"}),
    ]
    assert problems(tmp_path, example.read_bytes(), {}) == [
        "config.yaml:17: api.token_file: cannot read /run/secrets/atess_token: No such file or directory"
    ]


def test_the_example_shows_every_key_with_its_default() -> None:
    it = load(Path("config.example.yaml"), ENVIRONMENT)
    defaults = type(it.api)()
    shown = it.api.model_dump(exclude={"token", "token_file", "timezone"})
    assert shown == defaults.model_dump(exclude={"token", "token_file", "timezone"})
    text = Path("config.example.yaml").read_text()
    for key in [*type(it.api).model_fields, *type(it.poll).model_fields, "device_files", "types", "info", "interval"]:
        assert f"{key}:" in text


@pytest.mark.parametrize(
    "sn", ["12345678", "1e5", "0123", "0x1F", "NO", "on", "1_000", "1.50", "2026-11-22", "12:30:45", "-7", ".inf", "=", "'~'"]
)
def test_a_serial_number_is_taken_as_written(tmp_path: Path, sn: str) -> None:
    for text in (f"devices:\n  pbd:\n    - {sn}\n", f"devices:\n  pbd:\n    - deviceSn: {sn}\n"):
        (device,) = config(tmp_path, text).devices
        assert device.sn == sn.strip("'")


def test_info_is_taken_as_written_too(tmp_path: Path) -> None:
    (device,) = config(tmp_path, "devices:\n  pbd:\n    - {deviceSn: A, info: {row: 007, on: yes}}\n").devices
    assert device.info == {"row": "007", "on": "yes"}


@pytest.mark.parametrize(
    ("text", "seconds"), [("300", 300), ("30s", 30), ("5m", 300), ("1h", 3600), ("1.5m", 90), ("1", 1), ("'90'", 90)]
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    assert config(tmp_path, f"{MINIMAL}poll:\n  interval: {text}\n").devices[0].interval == seconds


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode()
    assert config(tmp_path, text).devices[0].sn == "UMD1"
    write(tmp_path, b"\xef\xbb\xbfpbd:\r\n  - UMD2\r\n", "d/x.yaml")
    more = config(tmp_path, text + b"device_files: [d/*.yaml]\r\n")
    assert [device.sn for device in more.devices] == ["UMD1", "UMD2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "config.yaml: devices: no devices; expected at least one deviceSn under a type, or discovery"),
        ("# nothing\n", "config.yaml: devices: no devices; expected at least one deviceSn under a type, or discovery"),
        ("devices: {pbd: []}\n", "config.yaml:1: devices: no devices; expected at least one deviceSn under a type, or discovery"),
        ("- a\n", "config.yaml:1: the file: expected a mapping of keys to values, got a list"),
        ("just text\n", "config.yaml:1: the file: expected a mapping of keys to values, got 'just text'"),
        ("devices: [\n", "config.yaml:2: not YAML: did not find expected node content (while parsing a flow node)"),
        ("devices:\n\tpbd: [A]\n", "config.yaml:2: not YAML: a tab where spaces are expected"),
        ("a: 1\n---\nb: 2\n", "config.yaml:2: not YAML: but found another document (expected a single document in the stream)"),
        ("devices: !!python/object:os.system {}\n", None),
        ("devices: &a {pbd: *a}\n", "config.yaml:1: an alias that contains itself"),
        ("x: !secret y\n", "config.yaml:1: the tag !secret is not supported"),
        ("? [a]\n: b\n", "config.yaml:1: a key must be plain text"),
        (
            f"{MINIMAL}device: 5\n",
            "config.yaml:4: device: unknown key; expected one of api, poll, devices, device_files, discovery, settings, history, fields, types",
        ),
        (
            f"{MINIMAL}api:\n  timout: 5\n",
            "config.yaml:5: api.timout: unknown key; expected one of base_url, token, token_file, language, timeout, concurrency, "
            "requests_per_minute, timezone",
        ),
        (f"{MINIMAL}poll:\n  every: 5\n", "config.yaml:5: poll.every: unknown key; expected one of interval, stale_after"),
        (
            "devices:\n  pbd:\n    - deviceSn: A\n      intervall: 5\n",
            "config.yaml:4: devices.pbd[0].intervall: unknown key; expected one of deviceSn, interval, info",
        ),
        (f"{MINIMAL}types:\n  new: {{}}\n", "config.yaml:5: types.new.path: missing; a type of your own needs one"),
        (
            f"{MINIMAL}types:\n  new: {{path: x, pat: y}}\n",
            "config.yaml:5: types.new.pat: unknown key; expected one of path, history_path, list_path, settings_path, fields, "
            "faults",
        ),
        (f"{MINIMAL}devices: {{}}\n", "config.yaml:4: the key devices is given twice (first on line 1)"),
        (f"{MINIMAL}    - UMD1\n", "config.yaml:4: devices.pbd[1]: deviceSn 'UMD1' is listed twice (first at config.yaml:3)"),
        (
            f"{MINIMAL}    - deviceSn: UMD1\n",
            "config.yaml:4: devices.pbd[1]: deviceSn 'UMD1' is listed twice (first at config.yaml:3)",
        ),
        (
            f"{MINIMAL}    - ' umd1 '\n",
            "config.yaml:4: devices.pbd[1]: deviceSn 'umd1' is listed twice (first at config.yaml:3 as 'UMD1')",
        ),
        (
            f"{MINIMAL}    - 'UMD1 '\n",
            "config.yaml:4: devices.pbd[1]: deviceSn 'UMD1' is listed twice (first at config.yaml:3)",
        ),
        (
            "devices:\n  pdb: [A]\n",
            "config.yaml:2: devices.pdb: unknown type; expected one of bcu, hps_central, hps_string, mbms, pbd, pcs, or one with a "
            "path under types",
        ),
        ("devices:\n  pbd: A\n", "config.yaml:2: devices.pbd: expected a list, got 'A'"),
        (
            "devices:\n  pbd:\n    -UMD1\n    -UMD2\n",
            "config.yaml:2: devices.pbd: expected a list: put a space after each dash, got '-UMD1 -UMD2'",
        ),
        ("devices: [A]\n", "config.yaml:1: devices: expected a mapping of keys to values, got a list"),
        ("devices:\n  pbd:\n    -\n", "config.yaml:3: devices.pbd[0]: expected a mapping of keys to values, got nothing"),
        (
            "devices:\n  pbd:\n    - ''\n",
            "config.yaml:3: devices.pbd[0].deviceSn: expected a serial number of 1 to 128 characters, got ''",
        ),
        ("devices:\n  pbd:\n    - {interval: 5m}\n", "config.yaml:3: devices.pbd[0].deviceSn: missing"),
        (
            f"{MINIMAL}poll:\n  interval: 5x\n",
            "config.yaml:5: poll.interval: expected a duration such as 300, 30s, 5m or 1h, got '5x'",
        ),
        (
            f"{MINIMAL}poll:\n  interval: -5\n",
            "config.yaml:5: poll.interval: expected a duration such as 300, 30s, 5m or 1h, got '-5'",
        ),
        (
            f"{MINIMAL}poll:\n  interval:\n",
            "config.yaml:5: poll.interval: expected a duration such as 300, 30s, 5m or 1h, got nothing",
        ),
        (f"{MINIMAL}poll:\n  interval: 0\n", "config.yaml:5: poll.interval: expected at least 1s, got '0'"),
        (f"{MINIMAL}poll:\n  interval: 0.9s\n", "config.yaml:5: poll.interval: expected at least 1s, got '0.9s'"),
        (f"{MINIMAL}poll: 5m\n", "config.yaml:4: poll: expected a mapping of keys to values, got '5m'"),
        (
            "devices:\n  pbd:\n    - {deviceSn: A, interval: 0.5}\n",
            "config.yaml:3: devices.pbd[0].interval: expected at least 1s, got '0.5'",
        ),
        (f"{MINIMAL}api:\n  concurrency: many\n", "config.yaml:5: api.concurrency: expected a whole number, got 'many'"),
        (
            f"{MINIMAL}api:\n  concurrency: 0\n",
            "config.yaml:5: api.concurrency: Input should be greater than or equal to 1, got '0'",
        ),
        (
            f"{MINIMAL}api:\n  requests_per_minute: nan\n",
            "config.yaml:5: api.requests_per_minute: expected a finite number, got 'nan'",
        ),
        (
            f"{MINIMAL}api:\n  timezone: Mars\n",
            "config.yaml:5: api.timezone: expected a time zone's name such as Asia/Bangkok, got 'Mars'",
        ),
        (
            f"{MINIMAL}api:\n  timezone: Asia/Bankok\n",
            "config.yaml:5: api.timezone: expected a time zone's name such as Asia/Bangkok (did you mean Asia/Bangkok?), got 'Asia/Bankok'",
        ),
        (
            f"{MINIMAL}api:\n  timezone: UTC+7\n",
            "config.yaml:5: api.timezone: expected a time zone's name such as Asia/Bangkok (did you mean Etc/GMT-7?), got 'UTC+7'",
        ),
        (
            f"{MINIMAL}api:\n  timezone: ../../etc/passwd\n",
            "config.yaml:5: api.timezone: expected a time zone's name such as Asia/Bangkok, got '../../etc/passwd'",
        ),
        (
            f"{MINIMAL}api:\n  base_url: ftp://x\n",
            "config.yaml:5: api.base_url: expected an address such as https://host/api/v1, without user, query or fragment, got 'ftp://x'",
        ),
        (
            f"{MINIMAL}api:\n  base_url: https://${{SESAME}}/api/v1\n",
            "config.yaml:5: api.base_url: expected an address such as https://host/api/v1, without user, query or fragment; "
            "variables are not expanded here, got 'https://${SESAME}/api/v1'",
        ),
        (
            f"{MINIMAL}api:\n  language: 'e\\nn: x'\n",
            "config.yaml:5: api.language: expected a language such as en, got 'e\\\\nn: x'",
        ),
        (
            f"{MINIMAL}types:\n  pcs: {{path: ../secret}}\n",
            "config.yaml:5: types.pcs.path: expected a path under api.base_url such as pcs/data-last, got '../secret'",
        ),
        (
            f"{MINIMAL}types:\n  PCS: {{path: x}}\n",
            "config.yaml:5: types.PCS: expected a type's name in lower case letters, digits and _, got 'PCS'",
        ),
        (
            "devices:\n  pbd:\n    - {deviceSn: A, info: {type: x}}\n",
            "config.yaml:3: devices.pbd[0].info.type: expected a label's name (letters, digits and _) other than deviceSn and type, got 'type'",
        ),
        (
            "devices:\n  pbd:\n    - {deviceSn: A, info: {__x: y}}\n",
            "config.yaml:3: devices.pbd[0].info.__x: expected a label's name (letters, digits and _) other than deviceSn and type, got '__x'",
        ),
        (f"{MINIMAL}device_files: x.yaml\n", "config.yaml:4: device_files: expected a list, got 'x.yaml'"),
        (f"{MINIMAL}device_files: [none.yaml]\n", "config.yaml:4: device_files[0]: no such file: none.yaml"),
        (b"devices:\n  pbd: [\xff\xfe]\n", "config.yaml:2: not text in UTF-8"),
        (b"a: \x00\n", "config.yaml: not YAML: control characters are not allowed"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_what_was_expected(
    tmp_path: Path, text: str | bytes, expected: str | None
) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    if expected is not None:
        assert found == [expected]
    assert "\n" not in found[0]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = "api:\n  timeout: x\n  concurrency: y\npoll:\n  z: 1\n"
    assert [problem.split(": ")[1] for problem in problems(tmp_path, text)] == ["api.timeout", "api.concurrency", "poll.z"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"/nowhere\.yaml: cannot be read: No such file or directory; run `atess-exporter init`"
    ):
        load(tmp_path / "nowhere.yaml", ENVIRONMENT)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, ENVIRONMENT)


def test_device_files_hold_lists_in_the_same_form_with_or_without_the_first_line(tmp_path: Path) -> None:
    write(tmp_path, "pbd:\n  - B\n  - {deviceSn: C, interval: 1h}\n", "devices.d/1.yaml")
    write(tmp_path, "devices:\n  bcu: [D]\n", "devices.d/2.yaml")
    write(tmp_path, "", "devices.d/3.yaml")
    it = config(tmp_path, MINIMAL + "device_files: [devices.d/*.yaml, none.d/*.yaml]\n")
    assert [(d.type, d.sn, d.interval) for d in it.devices] == [
        ("pbd", "UMD1", 300),
        ("pbd", "B", 300),
        ("pbd", "C", 3600),
        ("bcu", "D", 300),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pbd:\n  - X\n  - UMD1\n", "d/x.yaml:3: pbd[1]: deviceSn 'UMD1' is listed twice (first at config.yaml:3)"),
        (
            "pbd:\n  - umd1\n",
            "d/x.yaml:2: pbd[0]: deviceSn 'umd1' is listed twice (first at config.yaml:3 as 'UMD1')",
        ),
        ("devices:\n  pbd: [UMD1]\n", "d/x.yaml:2: devices.pbd[0]: deviceSn 'UMD1' is listed twice (first at config.yaml:3)"),
        ("pbd:\n  - {deviceSn: X, y: 1}\n", "d/x.yaml:2: pbd[0].y: unknown key; expected one of deviceSn, interval, info"),
        ("x: [A]\n", None),
        ("[]\n", "d/x.yaml:1: the file: expected a mapping of keys to values, got a list"),
        ("pbd:\n\t- A\n", "d/x.yaml:2: not YAML: a tab where spaces are expected"),
        ("devices: {}\nother: 1\n", "d/x.yaml:2: other: unknown key; expected one of devices"),
    ],
)
def test_a_mistake_in_a_device_file_names_that_file(tmp_path: Path, text: str, expected: str | None) -> None:
    write(tmp_path, text, "d/x.yaml")
    (found,) = problems(tmp_path, MINIMAL + "device_files: [d/*.yaml]\n")
    assert found == expected or (expected is None and found.startswith("d/x.yaml:1: x: unknown type"))


def test_the_same_serial_number_may_stand_under_two_types(tmp_path: Path) -> None:
    assert len(config(tmp_path, MINIMAL + "  pcs: [UMD1]\n").devices) == 2


def test_a_path_can_be_overridden_and_a_type_added(tmp_path: Path) -> None:
    text = "devices: {pcs: [A], inverter: [B]}\ntypes:\n  pcs: {path: /pcs/other/}\n  inverter: {path: inv/last}\n"
    pcs, inverter = config(tmp_path, text).devices
    assert (pcs.path, pcs.evidence) == ("pcs/other", Evidence.CONFIGURED)
    assert (inverter.type, inverter.path, inverter.evidence) == ("inverter", "inv/last", Evidence.CONFIGURED)


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = "devices:\n  pbd:\n    - &a {deviceSn: A, interval: 1h, info: {site: x}}\n    - {<<: *a, deviceSn: B}\n"
    assert [(d.sn, d.interval, d.info) for d in config(tmp_path, text).devices] == [
        ("A", 3600, {"site": "x"}),
        ("B", 3600, {"site": "x"}),
    ]


@pytest.mark.parametrize(
    ("api", "environment", "token"),
    [
        ("token: Basic YTpi", {}, "Basic YTpi"),
        ("token: 12345678", {}, "12345678"),
        ("token_file: token", {}, "from the file"),
        ("token_file: token", ENVIRONMENT, TOKEN),
        ("token_file: missing", ENVIRONMENT, TOKEN),
        ("language: en", ENVIRONMENT, TOKEN),
    ],
)
def test_where_the_token_comes_from(tmp_path: Path, api: str, environment: dict[str, str], token: str) -> None:
    write(tmp_path, b"\xef\xbb\xbf  from the file\r\n", "token")
    assert config(tmp_path, f"{MINIMAL}api:\n  {api}\n", environment).token.reveal() == token


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        ("language: en", "config.yaml:4: api: no token; expected token_file, token or ATESS_API_TOKEN"),
        ("token_file: missing", "config.yaml:5: api.token_file: cannot read missing: No such file or directory"),
        ("token_file: empty", "config.yaml:5: api.token_file: empty is empty"),
        ("token_file: binary", "config.yaml:5: api.token_file: binary is not text in UTF-8"),
        (
            "token_file: lines",
            "config.yaml:5: api.token_file: lines has characters that an HTTP header cannot carry (one line of printable ASCII expected)",
        ),
        ("token_file: .", "config.yaml:5: api.token_file: cannot read .: Is a directory"),
        ('token_file: "a\\0b"', "config.yaml:5: api.token_file: cannot read a\0b: embedded null byte"),
        ("{token: sesame, token_file: b}", "config.yaml:4: api: expected either token or token_file, not both"),
        (
            "token: sesaméopen",
            "config.yaml:5: api.token: the token has characters that an HTTP header cannot carry (one line of printable ASCII expected)",
        ),
        ("token: [sesame]", "config.yaml:5: api.token: expected text"),
        ("token: ''", "config.yaml:5: api.token: the token is empty"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_without_it(tmp_path: Path, api: str, expected: str) -> None:
    write(tmp_path, "", "empty")
    write(tmp_path, b"\xff\xfe", "binary")
    write(tmp_path, "sesame\nsesame", "lines")
    (found,) = problems(tmp_path, f"{MINIMAL}api:\n  {api}\n", {})
    assert found == expected.replace(".: Is", f"{tmp_path}: Is")
    assert "sesam" not in found


QUOTES = "quotes, which would be sent with it; expected the token without them"
VARIABLE = "a variable, which is not expanded here; expected the token itself"
LINE = "characters that an HTTP header cannot carry (one line of printable ASCII expected)"

#: What was meant to become a token, and what is wrong with it.
NO_TOKENS = [
    ('"Basic sesame"', f"has {QUOTES}"),
    ("'Basic sesame'", f"has {QUOTES}"),
    ("`Basic sesame`", f"has {QUOTES}"),
    ('Basic "sesame"', f"has {QUOTES}"),
    ('"sesame"', f"has {QUOTES}"),
    ('Basic sesame"', f"has {QUOTES}"),
    ("${SESAME}", f"holds {VARIABLE}"),
    ("${SESAME:-open}", f"holds {VARIABLE}"),
    ("Basic ${SESAME}", f"holds {VARIABLE}"),
    ("$SESAME", f"holds {VARIABLE}"),
    ("$$SESAME", f"holds {VARIABLE}"),
    ("Basic $sesame", f"holds {VARIABLE}"),
    ("$env:SESAME", f"holds {VARIABLE}"),
    ("$(cat sesame)", f"holds {VARIABLE}"),
    ("%SESAME%", f"holds {VARIABLE}"),
    ("Basic %SESAME%", f"holds {VARIABLE}"),
    ("{{ sesame }}", f"holds {VARIABLE}"),
    ("{{sesame}}", f"holds {VARIABLE}"),
    ("Basic \u201csesame\u201d", f"has {LINE}"),
    ("Basic\u00a0sesame", f"has {LINE}"),
    ("Basic sesame\nopen", f"has {LINE}"),
    ("Basic\tsesame", f"has {LINE}"),
    ("Basic sesame\x7f", f"has {LINE}"),
    ('ATESS_API_TOKEN="Basic sesame"', "begins with ATESS_API_TOKEN=; expected the token alone"),
    (" \t", "is empty"),
]


@pytest.mark.parametrize(("given", "wrong"), NO_TOKENS)
def test_what_is_no_token_is_refused_wherever_it_comes_from(tmp_path: Path, given: str, wrong: str) -> None:
    write(tmp_path, given, "secret")
    text = f"{MINIMAL}api: {{token_file: secret}}\n"
    assert problems(tmp_path, text, {"ATESS_API_TOKEN": given}) == [f"ATESS_API_TOKEN {wrong}"]
    assert problems(tmp_path, text, {}) == [f"config.yaml:4: api.token_file: secret {wrong}"]
    # JSON is YAML
    text = f"{MINIMAL}api: {{token: {json.dumps(given)}}}\n"
    (found,) = problems(tmp_path, text, {})
    assert found == f"config.yaml:4: api.token: the token {wrong}"
    assert "sesame" not in found.lower()


@pytest.mark.parametrize(
    "written", ["{{ sesame }}", "%SESAME%", '"Basic sesame', "'sesame' sesame", "[sesame", "`sesame`", "@sesame"]
)
def test_a_token_that_breaks_the_yaml_is_not_shown(tmp_path: Path, written: str) -> None:
    found = problems(tmp_path, f"{MINIMAL}api:\n  token: {written}\n", {})
    assert found
    assert "sesame" not in "".join(found).lower()


@pytest.mark.parametrize(
    "token",
    [
        "Basic QUJDREVG==",
        "bare-token_with.all~of+these/==",
        "eyJhbGciOiJub25lIn0.e30.",
        'Digest username="a", realm="b"',
        "a$b$2a$10",
        "$2y$10$abc",
        "50%AB%CD%",
        "a%41%42%43b",
        "{a}",
    ],
)
def test_odd_tokens_are_sent_as_they_are(tmp_path: Path, token: str) -> None:
    assert config(tmp_path, MINIMAL, {"ATESS_API_TOKEN": token}).token.reveal() == token


@pytest.mark.parametrize(
    "url",
    [
        "https://$HOST/api",
        "https://${HOST}/api",
        "https://host:$PORT/api",
        "https://%HOST%/api",
        "https://{{ host }}/api",
        "https://host/{{path}}",
        "https://host/$(cat path)",
        '"https://host/api"',
        'https://host/api"',
        "$URL",
    ],
)
def test_an_address_that_is_not_filled_in_is_refused(tmp_path: Path, url: str) -> None:
    (found,) = problems(tmp_path, f"{MINIMAL}api: {{base_url: {json.dumps(url)}}}\n")
    assert found.startswith("config.yaml:4: api.base_url: expected an address such as https://host/api/v1")


def test_an_address_may_be_percent_encoded(tmp_path: Path) -> None:
    url = "https://host:8443/%AB%CD/a$b/v1"
    assert config(tmp_path, f"{MINIMAL}api: {{base_url: '{url}'}}\n").api.base_url == url


def test_the_check_table_shows_what_will_be_polled_and_never_the_token(tmp_path: Path) -> None:
    text = "devices: {pbd: [UMD1], pcs: ['A\u202eB']}\napi: {requests_per_minute: 0.2}\n"
    shown = format_table(config(tmp_path, text)).replace(f"{tmp_path}/", "")
    assert shown.splitlines() == [
        "TYPE  DEVICESN  PATH           INTERVAL  EVIDENCE OF THE PATH",
        "pbd   UMD1      pbd/data-last  631.579s  documented by the vendor",
        "pcs   A\\u202eB  pcs/data-last  631.579s  inferred, never seen",
        "",
        "config.yaml is valid: 2 devices ask for 0.4 of 0.2 requests a minute.",
        "That does not fit: intervals are stretched by 2.105.",
    ]


def test_lists_and_settings_come_out_of_the_same_budget(tmp_path: Path) -> None:
    text = "devices: {bcu: [A, B]}\napi: {requests_per_minute: 1}\npoll: {interval: 4m}\n"
    beside = "discovery: {datalog_sns: [L], interval: 10m, types: [bcu, pbd]}\nsettings: {interval: 10m, types: [bcu]}\n"
    alone, both = (config(tmp_path, entry) for entry in (text, text + beside))
    assert (pace(alone, alone.devices).demand, pace(alone, alone.devices).stretch) == (0.5, 1)
    assert pace(both, both.devices).demand == pytest.approx(0.5 + 0.2 + 0.2)
    assert pace(both, both.devices).stretch == 1
    tight = config(tmp_path, (text + beside).replace("minute: 1", "minute: 0.8"))
    assert pace(tight, tight.devices).stretch == pytest.approx(0.5 / 0.38)
    assert f"{240 * 0.5 / 0.38:g}s" in format_table(tight)


def test_a_shard_has_its_own_devices_and_its_part_of_the_budget(tmp_path: Path) -> None:
    path = write(tmp_path, "devices: {bcu: [A, B, C, D, E, F], pbd: [A, B, C, D, E, F]}\n")
    whole = load(path, ENVIRONMENT)
    shards = [load(path, ENVIRONMENT, shard=Shard(index, 3)) for index in range(3)]
    assert all(0 < len(shard.devices) < 12 for shard in shards)
    assert sorted(device.key for shard in shards for device in shard.devices) == sorted(device.key for device in whole.devices)
    assert [shard.requests_per_minute for shard in shards] == [20, 20, 20]
    assert whole.requests_per_minute == 60
    assert f"{len(shards[1].devices)} devices ask for" in format_table(shards[1])
    assert format_table(shards[1]).splitlines()[-1] == "These are the devices and the budget of shard 1 of 3."
    assert "of shard" not in format_table(whole)


def test_a_shard_stretches_when_its_part_of_the_budget_is_too_small(tmp_path: Path) -> None:
    path = write(tmp_path, "devices: {bcu: [A, B, C, D, E, F]}\napi: {requests_per_minute: 0.3}\n")
    it = load(path, ENVIRONMENT, shard=Shard(0, 3))
    assert pace(it, it.devices).stretch == pytest.approx(len(it.devices) / 5 / 0.095)


def test_a_shard_without_devices_is_no_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    assert sorted(len(load(path, ENVIRONMENT, shard=Shard(index, 3)).devices) for index in range(3)) == [0, 0, 1]


def test_ten_thousand_devices_load(tmp_path: Path) -> None:
    lines = "".join(f"    - {{deviceSn: S{n}, info: {{site: '{n % 7}'}}}}\n" for n in range(10_000))
    assert len(config(tmp_path, f"devices:\n  pbd:\n{lines}").devices) == 10_000


keys = st.sampled_from(
    ["api", "poll", "devices", "device_files", "types", "pbd", "deviceSn", "interval", "info", "token", "path", "x"]
)
trees = st.recursive(
    st.none() | st.text(max_size=8) | st.integers(),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(keys, c, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("pattern", ["", ".", "d", "d/", "?"])
def test_a_folder_is_no_device_file(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "d").mkdir()
    (problem,) = problems(tmp_path, f"api: {{token: x}}\ndevices: {{pbd: [A]}}\ndevice_files: ['{pattern}']\n")
    assert problem.startswith("config.yaml:3: device_files[0]: expected a file, got the folder ")


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200) | st.builds(repr, trees) | st.binary(max_size=100)
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_a_config_or_a_clear_error(tmp_path: Path, text: str | bytes) -> None:
    try:
        assert config(tmp_path, text).devices
    except ConfigError as error:
        found = error.problems
    else:
        return
    assert found
    assert all("config.yaml" in problem and "\n" not in problem for problem in found)


def test_the_space_around_a_serial_number_is_no_part_of_it(tmp_path: Path) -> None:
    (device,) = config(tmp_path, "devices:\n  pbd:\n    - {deviceSn: '\tUMD1 '}\n").devices
    assert device.sn == "UMD1"
    assert len(problems(tmp_path, "devices:\n  pbd: ['  ']\n")) == 1
    (device,) = config(tmp_path, f"devices:\n  pbd: ['  {'x' * 128}']\n").devices
    assert device.sn == "x" * 128
