"""Basic authentication against bcrypt hashes, which neither blocks the event loop nor gives away the names of users."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from typing import Final

import bcrypt

from exporter.web.limits import Limits

#: Bytes of a password that bcrypt looks at.
_BCRYPT_BYTES: Final = 72


class Verdict(Enum):
    """The outcome of checking a request's credentials."""

    RIGHT = auto()
    WRONG = auto()
    #: Not checked: too many checks are waiting.
    BUSY = auto()


class Users:
    """The users by name, with their bcrypt hashes. For one event loop."""

    def __init__(self, hashes: Mapping[str, bytes], limits: Limits) -> None:
        self._hashes = dict(hashes)
        self._decoys = sorted(set(hashes.values()))
        self._limits = limits
        self._secret = secrets.token_bytes(32)
        #: A digest of each user's last right credentials. A user has one right password, so this cannot grow.
        self._known: dict[str, bytes] = {}
        #: Those under way, by the digest of the credentials, with the address that they are from.
        self._checks: dict[bytes, tuple[str, asyncio.Task[bool]]] = {}
        # one check at a time: a flood of wrong passwords may cost one core, not all
        self._thread = ThreadPoolExecutor(1)

    async def check(self, authorization: str, peer: str) -> Verdict:
        """Check the Authorization header that came from `peer`, an IP address."""
        credentials = _parse(authorization)
        if credentials is None:
            return Verdict.WRONG
        user, password = credentials
        digest = hmac.digest(self._secret, len(user).to_bytes(4) + user.encode() + password, hashlib.sha256)
        known = self._known.get(user)
        if known is not None and hmac.compare_digest(known, digest):
            return Verdict.RIGHT
        if digest not in self._checks:
            of_peer = sum(other == peer for other, _ in self._checks.values())
            if len(self._checks) >= self._limits.checks or of_peer >= self._limits.checks_of_peer:
                return Verdict.BUSY
            self._checks[digest] = peer, asyncio.get_running_loop().create_task(self._verify(user, password, digest))
        check = self._checks[digest][1]
        # requests with the same credentials share a check, which goes on when one of the clients hangs up
        return Verdict.RIGHT if await asyncio.shield(check) else Verdict.WRONG

    async def _verify(self, user: str, password: bytes, digest: bytes) -> bool:
        try:
            # an unknown name must take as long as a known one, whatever the hashes cost
            known = self._hashes.get(user)
            expected = self._decoys[digest[0] % len(self._decoys)] if known is None else known
            matches = await asyncio.get_running_loop().run_in_executor(self._thread, _matches, password, expected)
            right = matches and known is not None
            if right:
                self._known[user] = digest
            return right
        finally:
            del self._checks[digest]


def _parse(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _matches(password: bytes, expected: bytes) -> bool:
    return bcrypt.checkpw(password[:_BCRYPT_BYTES], expected)
