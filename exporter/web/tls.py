"""Load certificates and keys from files into the SSL context of a TLS server."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class TlsError(ValueError):
    """A file cannot be used; `key` is the web config's key that names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the server's chain and key, and the CAs that sign its clients' certificates."""

    cert: Path
    key: Path
    client_ca: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        """Return all of them that are set."""
        return (self.cert, self.key, *([self.client_ca] if self.client_ca else []))


def server_context(files: TlsFiles, client_certificates: ssl.VerifyMode, oldest: ssl.TLSVersion) -> ssl.SSLContext:
    """Return the SSL context for new connections. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = oldest
    # TLS 1.2 lets a client repeat the handshake at will, and the server does the expensive half of it
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _readable("cert_file", files.cert)
    _readable("key_file", files.key)
    # the certificate alone first, so that an error names the right file
    _load("cert_file", files.cert, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.cert))
    _load("key_file", files.key, lambda: context.load_cert_chain(files.cert, files.key, password=_no_password))
    if files.client_ca is not None:
        authorities = files.client_ca
        _readable("client_ca_file", authorities)
        _load("client_ca_file", authorities, lambda: context.load_verify_locations(authorities))
    context.verify_mode = client_certificates
    return context


class _EncryptedKey(Exception):
    pass


def _no_password() -> str:
    # without this callback OpenSSL prompts for one on the terminal
    raise _EncryptedKey


def _readable(key: str, path: Path) -> None:
    try:
        path.read_bytes()
    except (OSError, ValueError) as error:
        raise TlsError(key, f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def _load(key: str, path: Path, load: Callable[[], None]) -> None:
    expected = "a private key" if key == "key_file" else "certificates"
    try:
        load()
    except _EncryptedKey:
        raise TlsError(key, f"{path} is encrypted; expected a private key without a password") from None
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None)
        if reason == "KEY_VALUES_MISMATCH":
            raise TlsError(key, f"{path} is not the key of the certificate in cert_file") from None
        if reason in ("CA_MD_TOO_WEAK", "EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL"):
            raise TlsError(key, f"{path}: too weak: {reason.lower().replace('_', ' ')}") from None
        raise TlsError(key, f"{path} holds no {expected.removeprefix('a ')} in PEM form") from None
