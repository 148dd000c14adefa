"""What the environment sets for connections to the API: the CAs that TLS trusts, and the proxy."""

import os
import ssl
from collections.abc import Mapping
from typing import Final

import certifi
import truststore
from requests.utils import select_proxy
from urllib3.exceptions import LocationValueError
from urllib3.util import Url, parse_url

#: Variables that name a file or a folder of CAs to trust instead of all others, as for requests; the first one set counts.
_BUNDLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Misconfigured(OSError):
    """A variable has a value that cannot be used. The message is for the operator, and never holds a proxy's password."""


def tls_context() -> ssl.SSLContext:
    """Return a context that verifies certificates. Raises Misconfigured.

    Made anew for every connection, so that a bundle that is replaced is used without a restart, and because a truststore
    context makes handshakes wait for each other.
    """
    for name in _BUNDLES:
        if bundle := os.environ.get(name):
            return _trusting(name, bundle)
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return _as_openssl_says()
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not (paths.capath and os.listdir(paths.capath)):
        # this Python knows of no store: truststore looks where systems keep theirs, which may be nowhere
        context.load_verify_locations(certifi.where())
    return context


def _trusting(name: str, bundle: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _check_exists(name, bundle)
    try:
        if os.path.isdir(bundle):
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except ssl.SSLError:
        raise Misconfigured(f"{name} is {bundle!r}, which holds no CA certificate") from None
    except OSError as error:
        raise Misconfigured(f"{name} is {bundle!r}, which cannot be read: {error.strerror}") from None
    return context


def _as_openssl_says() -> ssl.SSLContext:
    """Return a context with SSL_CERT_FILE and SSL_CERT_DIR, each with OpenSSL's default for the other.

    Raises Misconfigured for what OpenSSL would ignore, because it cannot load it.
    """
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:
        _check_exists("SSL_CERT_FILE", file)
    if folders and not any(map(os.path.isdir, folders.split(os.pathsep))):
        _check_exists("SSL_CERT_DIR", folders)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_default_verify_paths()
    if file and not context.cert_store_stats()["x509"]:
        raise Misconfigured(f"SSL_CERT_FILE is {file!r}, which cannot be read or holds no CA certificate")
    return context


def _check_exists(name: str, path: str) -> None:
    if not os.path.exists(path):
        raise Misconfigured(f"CA bundle not found: {name} is {path!r}, which does not exist")


def proxies_for(url: str, proxies: Mapping[str, str] | None) -> dict[str, str]:
    """Return the proxy to ask `url` through, out of `proxies` as requests has them. Raises Misconfigured if it cannot be used."""
    proxy = select_proxy(url, dict(proxies or {}))
    if not proxy:
        return {}
    if "://" not in proxy:
        # as curl reads it; without this a host name before the port is taken for a scheme
        proxy = f"http://{proxy}"
    try:
        parts = parse_url(proxy)
    except LocationValueError:
        parts = Url()
    if parts.scheme not in (None, "http", "https"):
        raise Misconfigured(f"unsupported proxy scheme {parts.scheme!r} in {proxy_name(url)}: http and https are supported")
    if not parts.host:
        raise Misconfigured(f"invalid proxy URL in {proxy_name(url)}: http://host:port is expected")
    return {url.partition(":")[0].lower(): proxy}


def proxy_name(url: str) -> str:
    """Return where the proxy for `url` is set: the variable, in its own letters."""
    scheme = url.partition(":")[0].lower()
    for name in (f"{scheme}_proxy", "all_proxy"):
        # as requests and curl do, the small letters first
        for spelled in (name, name.upper()):
            if os.environ.get(spelled):
                return spelled
    return "the system's settings"
