import asyncio
import base64
import threading
from collections.abc import Coroutine
from typing import Any

import bcrypt
import pytest

from exporter.web.auth import Users, Verdict
from exporter.web.limits import LIMITS, Limits

HASHES = {"alice": bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)), "bob": bcrypt.hashpw(b"battery", bcrypt.gensalt(5))}


class Bcrypt:
    """The real bcrypt, which counts, and can be held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.checked: list[bytes] = []
        self.running = 0
        self.most_at_once = 0
        self.free = threading.Event()
        self.free.set()
        self._real = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self._matches)

    def _matches(self, password: bytes, expected: bytes) -> bool:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.checked.append(expected)
        assert self.free.wait(30)
        try:
            return self._real(password, expected)
        finally:
            self.running -= 1


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Bcrypt:
    return Bcrypt(monkeypatch)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def check(*headers: str, users: Users | None = None) -> list[Verdict]:
    """What the users make of the headers, one after the other."""
    checked_by = users or Users(HASHES, LIMITS)

    async def all_of_them() -> list[Verdict]:
        return [await checked_by.check(header, "192.0.2.1") for header in headers]

    return asyncio.run(all_of_them())


def test_the_right_password_and_the_wrong_one() -> None:
    assert check(basic("alice", "correct horse"), basic("alice", "battery"), basic("bob", "battery"), basic("bob", "")) == [
        Verdict.RIGHT,
        Verdict.WRONG,
        Verdict.RIGHT,
        Verdict.WRONG,
    ]


def test_a_name_that_nobody_has_is_wrong_with_everybodys_password() -> None:
    headers = [basic(name, password) for name in ("carol", "", "Alice", "alice ") for password in ("correct horse", "battery")]
    assert set(check(*headers)) == {Verdict.WRONG}


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic ", "Basic !!!", "Bearer abc", "Basic YWJj", "Basic /////w==", basic("a", "b") + "x", "Basic \xe4"],
)
def test_what_are_no_credentials(checks: Bcrypt, header: str) -> None:
    assert check(header) == [Verdict.WRONG]
    assert checks.checked == []


def test_odd_passwords_are_checked_too() -> None:
    long = "x" * 200
    users = Users({"long": bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)), **HASHES}, LIMITS)
    headers = [
        basic("long", long),
        basic("alice", "a\0b"),
        basic("alice", "\U0001f50b"),
        basic("alice", "a:b:c"),
        basic("alice", long),
    ]
    assert check(*headers, users=users) == [Verdict.RIGHT, *[Verdict.WRONG] * 4]


def test_the_same_right_credentials_are_checked_once(checks: Bcrypt) -> None:
    assert check(*[basic("alice", "correct horse")] * 100) == [Verdict.RIGHT] * 100
    assert len(checks.checked) == 1


def test_what_one_user_proved_is_no_proof_for_another(checks: Bcrypt) -> None:
    assert check(basic("alice", "correct horse"), basic("bob", "correct horse"), basic("carol", "correct horse")) == [
        Verdict.RIGHT,
        Verdict.WRONG,
        Verdict.WRONG,
    ]
    assert len(checks.checked) == 3


def test_an_unknown_name_costs_the_same_check_as_a_known_one(checks: Bcrypt) -> None:
    check(*[basic(f"nobody{n}", "guess") for n in range(40)])
    assert len(checks.checked) == 40
    # against hashes of every cost that there is, so that no cost tells
    assert set(checks.checked) == set(HASHES.values())


def test_an_unknown_name_is_always_compared_with_the_same_hash(checks: Bcrypt) -> None:
    check(*[basic("nobody", "guess")] * 5)
    assert len(set(checks.checked)) == 1


def crowd(*asking: Coroutine[Any, Any, Verdict], checks: Bcrypt) -> list[Verdict]:
    """The verdicts on all who ask at once, the checks being held until all have asked."""
    checks.free.clear()

    async def ask() -> list[Verdict]:
        tasks = [asyncio.create_task(one) for one in asking]
        while not checks.checked:
            await asyncio.sleep(0)
        checks.free.set()
        return await asyncio.gather(*tasks)

    return asyncio.run(ask())


def test_a_flood_of_wrong_passwords_is_turned_away_and_others_get_in(checks: Bcrypt) -> None:
    users = Users(HASHES, Limits(checks=16, checks_of_peer=4))
    flood = [users.check(basic("alice", f"guess {n}"), "192.0.2.66") for n in range(1000)]
    verdicts = crowd(*flood, users.check(basic("bob", "battery"), "192.0.2.1"), checks=checks)
    assert verdicts == [Verdict.WRONG] * 4 + [Verdict.BUSY] * 996 + [Verdict.RIGHT]
    assert len(checks.checked) == 5
    assert checks.most_at_once == 1
    # and later the flooder is looked at again
    assert check(basic("alice", "guess"), users=users) == [Verdict.WRONG]


def test_a_flood_from_everywhere_is_bounded_and_who_is_known_is_let_in(checks: Bcrypt) -> None:
    users = Users(HASHES, Limits(checks=16, checks_of_peer=4))
    assert check(basic("bob", "battery"), users=users) == [Verdict.RIGHT]
    checks.checked.clear()
    flood = [users.check(basic("alice", f"guess {n}"), f"192.0.2.{n}") for n in range(200)]
    verdicts = crowd(*flood, users.check(basic("bob", "battery"), "192.0.2.1"), checks=checks)
    assert verdicts == [Verdict.WRONG] * 16 + [Verdict.BUSY] * 184 + [Verdict.RIGHT]


def test_who_asks_for_the_same_at_once_shares_the_check(checks: Bcrypt) -> None:
    users = Users(HASHES, LIMITS)
    verdicts = crowd(*[users.check(basic("alice", "correct horse"), "192.0.2.1") for _ in range(50)], checks=checks)
    assert verdicts == [Verdict.RIGHT] * 50
    assert len(checks.checked) == 1


def test_one_who_hangs_up_does_not_take_the_check_from_the_others(checks: Bcrypt) -> None:
    users = Users(HASHES, LIMITS)
    checks.free.clear()

    async def ask() -> Verdict:
        first = asyncio.create_task(users.check(basic("alice", "correct horse"), "192.0.2.1"))
        second = asyncio.create_task(users.check(basic("alice", "correct horse"), "192.0.2.1"))
        while not checks.checked:
            await asyncio.sleep(0)
        first.cancel()
        checks.free.set()
        return await second

    assert asyncio.run(ask()) is Verdict.RIGHT


def test_name_and_password_are_kept_apart(checks: Bcrypt) -> None:
    users = Users({"a": bcrypt.hashpw(b"bc", bcrypt.gensalt(4)), "ab": bcrypt.hashpw(b"x", bcrypt.gensalt(4))}, LIMITS)
    asking = [users.check(basic(name, password), "192.0.2.1") for name, password in (("a", "bc"), ("ab", "c"))]
    assert crowd(*asking, checks=checks) == [Verdict.RIGHT, Verdict.WRONG]
