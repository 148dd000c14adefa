"""A server that answers over TLS with what a test gives it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def envelope(body: str, headers: str = "", status: str = "200 OK") -> bytes:
    payload = body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(payload)}\r\n{headers}\r\n".encode() + payload


@contextmanager
def tls_server(certificate: Path, key: Path, hold: threading.Event | None = None) -> Iterator[int]:
    """Answers over TLS; with `hold`, a byte now and then until that is set."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65536)
                    answer = envelope('{"code":0,"data":"secret"}')
                    while hold is not None and answer and not hold.wait(0.1):
                        secured.sendall(answer[:1])
                        answer = answer[1:]
                    secured.sendall(answer)
            except OSError:
                continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        if hold is not None:
            hold.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
