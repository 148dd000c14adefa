from pathlib import Path

import pytest

from exporter.config.address import parse_address, show_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9837", ("", 9837)),
        ("localhost:80", ("localhost", 80)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9837", ("::1", 9837)),
        ("[]:1", ("", 1)),
        ("LocalHost.:1", ("localhost", 1)),
        ("[0:0::0]:1", ("::", 1)),
        ("[::ffff:127.0.0.1]:1", ("127.0.0.1", 1)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "9837", "host", "::1:9837", "host:", "host:x", "host:-1", "host:65536", "[::1]", "[::1:80", "a:b:80", "[host]:80"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected host:port, :port or \[v6\]:port"):
        parse_address(text)


def test_a_path_of_a_unix_socket() -> None:
    assert parse_address("unix:/run/atess/exporter.sock") == Path("/run/atess/exporter.sock")


@pytest.mark.parametrize(
    "text", ["unix:", "unix:/", "unix:exporter.sock", "unix://run/exporter.sock", "unix:/run/", "unix:@atess"]
)
def test_what_is_no_path_of_a_socket(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected unix:/path/of/a.sock, from the root"):
        parse_address(text)


@pytest.mark.parametrize("text", [":9837", "localhost:1", "[::1]:2", "unix:/run/a.sock"])
def test_an_address_is_shown_as_it_is_written(text: str) -> None:
    assert show_address(parse_address(text)) == text
