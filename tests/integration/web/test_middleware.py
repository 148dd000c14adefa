"""Who gets in, and what those see who do not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from exporter.web import Rotation, Server, Site, create_app
from tests.helpers.web_parts import Parts

USERS = f"basic_auth_users: {{alice: {bcrypt.hashpw(b'correct horse', bcrypt.gensalt(4)).decode()}}}\n"
ALICE = ("alice", "correct horse")


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def url(parts: Parts, tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "web.yaml"
    path.write_text(USERS + "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: sandbox}}\n")
    server = Server("127.0.0.1", 0, Rotation(path))
    site = Site(
        "0", "/metrics", parts.exposition, parts, lambda: parts.problems, lambda: parts.ready, lambda: parts.reload_problem
    )
    server.start(create_app(site))
    yield server.url
    server.stop()


PATHS = ["/", "/metrics", "/nope", "/-/", "/-/healthy/", "/-/ready/..", "//-/healthy", "/-/healthy%00", "/-/HEALTHY"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("credentials", [None, ("alice", "wrong"), ("carol", "correct horse"), ("", "")])
def test_everything_needs_credentials(url: str, path: str, credentials: tuple[str, str] | None) -> None:
    answer = requests.get(url + path, auth=credentials, timeout=30)
    assert answer.status_code == 401
    assert answer.text == "Unauthorized\n"
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="atess-exporter", charset="UTF-8"'
    assert answer.headers["X-Frame-Options"] == "deny"


def test_an_address_for_a_target_lets_nobody_past(url: str) -> None:
    # so does a client send it that takes the exporter for a proxy
    def ask(path: str, **options: Any) -> int:
        return requests.get(f"http://x{path}", proxies={"http": url}, timeout=30, **options).status_code

    assert [ask(path) for path in ("/metrics", "/-/healthy/../../metrics", "/-/healthy")] == [401, 401, 200]
    assert ask("/metrics", auth=ALICE) == 200


def test_a_reload_needs_credentials(url: str, parts: Parts) -> None:
    parts.reload_problem = "it was tried"
    assert requests.post(f"{url}/-/reload", timeout=30).status_code == 401
    assert requests.post(f"{url}/-/reload", auth=ALICE, timeout=30).status_code == 500


def test_who_has_them_sees_all(url: str) -> None:
    assert requests.get(f"{url}/metrics", auth=ALICE, timeout=30).content == b"# TYPE x gauge\nx 1\nown 1\n"
    answer = requests.get(f"{url}/nope", auth=ALICE, timeout=30)
    assert answer.status_code == 404
    assert answer.headers["Content-Security-Policy"] == "sandbox"


def test_health_without_credentials_is_a_word(url: str, parts: Parts) -> None:
    assert requests.get(f"{url}/-/healthy", timeout=30).text == "healthy\n"
    parts.problems, parts.ready = ["no worker is alive"], False
    health, readiness = (requests.get(f"{url}/-/{name}", timeout=30) for name in ("healthy", "ready"))
    assert (health.status_code, health.text) == (503, "unhealthy\n")
    assert (readiness.status_code, readiness.text) == (503, "starting\n")
    assert requests.get(f"{url}/-/healthy", auth=ALICE, timeout=30).text == "no worker is alive\n"
    assert requests.get(f"{url}/-/healthy", auth=("alice", "wrong"), timeout=30).status_code == 401


def test_the_operators_headers_take_the_place_of_the_pages_own(tmp_path: Path) -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff"}
        await PlainTextResponse("page", headers=headers)(scope, receive, send)

    path = tmp_path / "web.yaml"
    path.write_text("http_server_config: {headers: {Content-Security-Policy: sandbox}}\n")
    server = Server("127.0.0.1", 0, Rotation(path))
    server.start(page)
    try:
        headers = requests.get(server.url, timeout=30).headers
    finally:
        server.stop()
    assert headers["Content-Security-Policy"] == "sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_under_a_prefix_health_is_open_there_and_nothing_else_is(parts: Parts, tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(USERS)
    server = Server("127.0.0.1", 0, Rotation(path))
    site = Site("0", "/metrics", parts.exposition, parts, list, lambda: True, lambda: None, route_prefix="/atess")
    server.start(create_app(site), site.route_prefix)
    try:
        asked = {
            path: requests.get(server.url + path, allow_redirects=False, timeout=30).status_code for path in (*_UNDER, *_NOT)
        }
    finally:
        server.stop()
    assert asked == dict.fromkeys(_UNDER, 200) | dict.fromkeys(_NOT, 401)


_UNDER = ("/atess/-/healthy", "/atess/-/ready")
_NOT = ("/", "/atess", "/atess/", "/atess/metrics", "/-/healthy", "/atess/atess/-/healthy", "/atess/devices/x/-/healthy")
