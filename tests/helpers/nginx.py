"""nginx as a process of a test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.processes import free_port, running


@contextmanager
def nginx(folder: Path, *servers: str) -> Iterator[list[str]]:
    """Run nginx with a server for each of `servers`, its directives. Gives their `host:port`.

    Its log, `folder`/access.log, has of each request the server's port, the status and the answer's content type.
    """
    binary = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert binary, "no nginx: run the tests by make test"
    addresses = [f"127.0.0.1:{free_port()}" for _ in servers]
    blocks = "".join(f"  server {{ listen {address}; {server} }}\n" for address, server in zip(addresses, servers, strict=True))
    temporary = "".join(f"  {name}_temp_path temp_{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = folder / "nginx.conf"
    config.write_text(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr notice;\nevents {}\nhttp {\n"
        '  log_format content "$server_port $status $sent_http_content_type";\n  access_log access.log content;\n'
        f"{temporary}{blocks}}}\n"
    )
    with running([binary, "-p", f"{folder}/", "-c", str(config), "-e", "stderr"]) as process:
        # said once it listens
        process.wait_for(r"nginx/\d")
        yield addresses
