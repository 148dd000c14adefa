from argparse import ArgumentError, ArgumentParser, ArgumentTypeError
from contextlib import nullcontext
from datetime import datetime

import pytest

from exporter.commands.arguments import Labels, external_url, label, moment, route_prefix, telemetry_path


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/", True),
        ("/devices", True),
        ("/devices.json", True),
        ("/devices/x", True),
        ("/-/x", True),
        ("/metrics", False),
        ("/devices-metrics", False),
        ("/metrics/devices", False),
    ],
)
def test_which_paths_are_taken(path: str, taken: bool) -> None:
    with pytest.raises(ArgumentTypeError, match="own") if taken else nullcontext():
        assert telemetry_path(path) == path


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-10-01", datetime(2026, 10, 1)),
        ("2026-10-01T08:30", datetime(2026, 10, 1, 8, 30)),
        ("2026-10-01 08:30:59", datetime(2026, 10, 1, 8, 30, 59)),
    ],
)
def test_a_time_is_a_date_or_a_date_with_time(text: str, time: datetime) -> None:
    assert moment(text) == time


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-02-30", "2026-10-01T08:30Z", "2026-10-01T08:30+07:00", "2026-10-01T08:30:00.5"]
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected YYYY-MM-DD"):
        moment(text)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("", None),
        ("https://example.org", ""),
        ("https://example.org/", ""),
        ("http://example.org:8080/atess", "/atess"),
        ("HTTPS://[::1]:1/a/b//", "/a/b"),
        ("https://m\u00fcnchen.example/atess/", "/atess"),
        ("/atess/", "/atess"),
        ("/", ""),
        ("/~user/a+b@c:d", "/~user/a+b@c:d"),
    ],
)
def test_of_the_external_url_the_path_counts(url: str, path: str | None) -> None:
    assert external_url(url) == path


@pytest.mark.parametrize(
    "url",
    [
        *("example.org/atess", "atess", "//example.org/atess", "https:///atess", "https://:80/", "https://example.org:99999/"),
        *("https://example.org:x/", "https://[::1/", "https://user@example.org/", "https://u:p@example.org/", "mailto:a@b"),
        *("https://example.org/?", "https://example.org/#x", "/a?b", "/a#b", " https://example.org/", "/a\n", "/a\tb", "'/a'"),
        *('"https://example.org/"', "/a//b", "/./a", "/a/..", "/%61", "/a{b}", "/\u00e4", "/a\\b"),
    ],
)
def test_what_is_no_external_url_is_refused(url: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected a URL such as"):
        external_url(url)


@pytest.mark.parametrize(
    ("text", "prefix"), [("", None), ("/", ""), ("//", ""), ("atess", "/atess"), ("/atess/", "/atess"), ("/a/b", "/a/b")]
)
def test_a_route_prefix_is_spelled_as_prometheus_lets_it(text: str, prefix: str | None) -> None:
    assert route_prefix(text) == prefix


@pytest.mark.parametrize("text", ["/a?b", "/a b", "/a//b", "/..", "/a/.", "https://example.org/atess", "/%61", "/{x}", "'/a'"])
def test_what_is_no_route_prefix_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected a path such as /atess"):
        route_prefix(text)


@pytest.mark.parametrize(
    ("text", "pair"), [("job=atess", ("job", "atess")), ("site=a=b ", ("site", "a=b ")), ("_x1=ä", ("_x1", "ä"))]
)
def test_a_label_is_name_and_value(text: str, pair: tuple[str, str]) -> None:
    assert label(text) == pair


@pytest.mark.parametrize("text", ["", "job", "job=", "=x", "1x=y", "a-b=c", "__name__=x", "a b=c", "ä=x", "job\n=x"])
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected name=value"):
        label(text)


@pytest.mark.parametrize("name", ["deviceSn", "type"])
def test_a_label_of_the_readings_is_refused(name: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"every reading has a label {name} of its own"):
        label(f"{name}=x")


def test_labels_are_collected_and_none_may_be_there_twice() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--label", dest="labels", type=label, action=Labels, default={})
    assert parser.parse_args([]).labels == {}
    assert parser.parse_args(["--label", "job=a", "--label", "site=b"]).labels == {"job": "a", "site": "b"}
    assert parser.parse_args([]).labels == {}
    with pytest.raises(ArgumentError, match="job is there twice"):
        parser.parse_args(["--label", "job=a", "--label", "job=b"])
