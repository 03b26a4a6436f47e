"""nginx as `deploy/nginx.conf` has it, before a real site."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.processes import ROOT, free_port
from tests.servers import TramServer

PLACES = ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx")
START_TIMEOUT_SECONDS = 10
STOP_TIMEOUT_SECONDS = 10
WHOLE = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{example}
}}
"""


def nginx_program() -> str | None:
    """Where nginx is: `NGINX` says it, or it is where it usually is; None without one."""
    named = os.environ.get("NGINX") or shutil.which("nginx")
    return named or next((place for place in PLACES if Path(place).exists()), None)


def configuration(site: TramServer, port: int, folder: Path) -> str:
    """The example with this machine's ports instead of its own, and without TLS."""
    example = (ROOT / "deploy" / "nginx.conf").read_text()
    host = site.url.removeprefix("http://")
    servers = iter([f"    server {host};\n", ""])
    example = re.sub(r"    server 10\.0\.0\.\d.*\n", lambda _: next(servers), example)
    example = example.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
    example = example.replace("proxy_set_header Host $host;", "proxy_set_header Host $http_host;")
    example = re.sub(r"    ssl_certificate.*\n", "", example)
    return WHOLE.format(folder=folder, example=example)


class Nginx:
    """nginx in a process of its own, at `url`."""

    def __init__(self, program: str, site: TramServer, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._file = folder / "nginx.conf"
        self._file.write_text(configuration(site, self.port, folder))
        self._command = [program, "-p", str(folder), "-c", str(self._file)]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it complained of."""
        return (self._folder / "error.log").read_text()

    def __enter__(self) -> Self:
        tried = subprocess.run([*self._command, "-t"], capture_output=True, text=True)
        assert tried.returncode == 0, tried.stderr
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_SECONDS)
