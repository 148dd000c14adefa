import re
from pathlib import Path

import pytest

from exporter.api.circuit_breaker import Cause
from exporter.api.errors import REASONS
from exporter.catalogue.remedies import load_remedies, remedy_for, remedy_for_suspension


def test_every_reason_and_every_suspension_has_one_whatever_the_error_says() -> None:
    remedies = load_remedies()
    assert set(remedies.reasons) == set(REASONS)
    assert set(remedies.suspensions) == set(Cause)
    for found in (*remedies.reasons.values(), *remedies.suspensions.values()):
        assert [one.said is None for one in found] == [False] * (len(found) - 1) + [True]
        for one in found:
            assert re.fullmatch(r"[A-Z].*\S[.]|[A-Z].*http://user:password@host:port[.]", one.do, re.DOTALL)
    assert all(remedy_for_suspension(cause).endswith(".") for cause in Cause)


@pytest.mark.parametrize(
    ("reason", "error", "told"),
    [
        (
            "connection",
            "the proxy of https_proxy refused: 407 Proxy Authentication Required",
            "that the proxy takes into https_proxy",
        ),
        ("connection", "the proxy of the system's settings cannot be used: x", "the proxy that the system's settings names"),
        ("connection", "TLS certificate refused: certificate has expired", "Check this machine's clock"),
        ("connection", "TLS certificate refused: self-signed certificate", "Set SSL_CERT_FILE"),
        ("connection", "Connection refused", "nobody listens there"),
        ("connection", "Name or service not known", "Check api.base_url, the network and the firewall"),
        ("http_status", "HTTP status 302", "https://cloud/api/pbd/data-last redirects"),
        ("http_status", "HTTP status 502", "the cloud has trouble at https://cloud/api/pbd/data-last"),
        ("http_status", "HTTP status 418", "the path of the device's type: https://cloud/api/pbd/data-last"),
        ("unauthorized", "code 403", "Compare the token in /etc/token with"),
        ("not_found", "code 400", "of another type than pbd: pcs, mbms."),
        ("invalid_payload", "no field of the data is a number", "ever uploaded anything"),
        ("invalid_payload", "the answer is not JSON", "what answers at https://cloud/api/pbd/data-last does not speak"),
    ],
)
def test_the_words_name_what_it_is_about(reason: str, error: str, told: str) -> None:
    facts = {"token": "/etc/token", "type": "pbd", "others": "pcs, mbms", "url": "https://cloud/api/pbd/data-last"}
    assert told in remedy_for(reason, error, **facts)


def test_braces_in_what_is_named_are_text() -> None:
    assert "in {token}{0} with" in remedy_for("unauthorized", token="{token}{0}")


def test_the_words_stand_in_one_place() -> None:
    words = {one.do for found in load_remedies().reasons.values() for one in found}
    sources = {path: path.read_text(encoding="utf-8") for path in Path("exporter").rglob("*.py")}
    for phrase in words:
        assert [path for path, text in sources.items() if phrase[:40] in text] == []
