"""The site as a real process, as `manage.py serve` runs it, with the demo relay behind it."""

import os
import re
import shutil
import signal
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.nursery import run_manage
from tests.processes import (
    ROOT,
    STOP_TIMEOUT_SECONDS,
    Child,
    free_port,
    wait_for_line,
    wait_for_port,
)

LISTENING = re.compile(r"listening on (http://\S+)")
DEMO_PASSWORD = "demo"
RELAY_KEY = "hs_demo"
SECRET_KEY = "for-test-servers-only-" + "y" * 50


class TramServer:
    """The site in a process of its own, with its own data folder and, by default, a demo relay.

    `template` is a migrated database file to start from; `env` adds to or replaces variables;
    `relay_options` are those of `manage.py demorelay`; `relay_name` is what the site calls it;
    `arguments` are those of `manage.py serve`.
    The folder outlives `kill` and `terminate`, so `start` afterwards is a restart.
    """

    def __init__(
        self,
        data_dir: Path,
        template: Path | None = None,
        env: Mapping[str, str] | None = None,
        *,
        relay: bool = True,
        relay_options: Sequence[str] = (),
        relay_name: str = "demo",
        arguments: Sequence[str] = (),
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        if template is not None:
            shutil.copyfile(template, data_dir / "tram.sqlite3")
        self.data_dir = data_dir
        self.url = ""
        self.relay_url = ""
        self.relay: Child | None = None
        self.env = server_environment(data_dir)
        # Chosen once, so that a restart has the same address and origin.
        self.env["PORT"] = str(free_port())
        if relay:
            self._add_relay(relay_name, relay_options)
        self.env.update(env or {})
        command = ("manage.py", "serve", *arguments)
        self._child = Child(*command, env=self.env, log=data_dir / "server.log")

    def __enter__(self) -> "TramServer":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def ws_url(self) -> str:
        return "ws" + self.url.removeprefix("http") + "/ws/chat/"

    @property
    def log(self) -> str:
        return self._child.log

    def running(self) -> bool:
        """Whether the site's process lives."""
        return self._child.running()

    def start(self) -> None:
        """Start the relay, if it does not run, and the site; return when both answer."""
        self.start_relay()
        said_before = len(self._child.log)
        self._child.start()
        self.url = wait_for_line(self._child, LISTENING, said_before)

    def start_relay(self) -> None:
        """Start the relay, if there is one and it does not run."""
        if self.relay is not None and not self.relay.running():
            self.relay.start()
            wait_for_port(self.relay, self.relay_port)

    def kill(self) -> None:
        """End the site as a crash would; the relay lives on."""
        self._child.kill()

    def terminate(self, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> int:
        """Drain the site and return its exit status; the relay lives on."""
        return self._child.terminate(timeout_seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send any signal, such as SIGSTOP."""
        self._child.send(number)

    def close(self) -> None:
        """End both at once."""
        self._child.kill()
        if self.relay is not None:
            self.relay.kill()

    def manage(self, *arguments: str) -> str:
        """Run a management command on this site's data and return what it printed."""
        done = run_manage(arguments, self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read this site's SQLite database beside the running server."""
        connection = sqlite3.connect(self.data_dir / "tram.sqlite3", timeout=20)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def sign_in(self, username: str, password: str = DEMO_PASSWORD) -> httpx.Client:
        """Sign in through the form, as a browser does; the client then holds the session cookie.

        Close it in the end. The CSRF token for unsafe requests is `client.headers["X-CSRFToken"]`.
        """
        client = httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=20)
        client.get("/accounts/login/").raise_for_status()
        token = client.cookies["tram-csrf"]
        answer = client.post(
            "/accounts/login/",
            data={"login": username, "password": password, "csrfmiddlewaretoken": token},
        )
        assert answer.status_code == 302, answer.text[-2000:]
        client.headers["X-CSRFToken"] = client.cookies["tram-csrf"]
        return client

    def socket_headers(self, client: httpx.Client) -> dict[str, str]:
        """Headers with which a WebSocket client opens the socket as the person signed in."""
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        return {"Cookie": cookies, "Origin": self.url}

    def _add_relay(self, name: str, options: Sequence[str]) -> None:
        self.relay_port = free_port()
        self.relay_url = f"http://127.0.0.1:{self.relay_port}/v1"
        self.env["EMBEDDED_RELAYS"] = f"{name}={self.relay_url}"
        self.env["EMBEDDED_RELAY_KEY"] = RELAY_KEY
        self.relay = Child(
            "-m",
            "chat.relay.demo",
            "--port",
            str(self.relay_port),
            *options,
            env=self.env,
            log=self.data_dir / "relay.log",
        )


def server_environment(data_dir: Path) -> dict[str, str]:
    """Return the variables of a site on loopback, with nothing of this machine's relay or Redis."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env.update(
        DATA_DIR=str(data_dir),
        SECRET_KEY=SECRET_KEY,
        HTTPS="false",
        STATIC_COLLECTED="false",
        DEMO="true",
        DEMO_PASSWORD=DEMO_PASSWORD,
        DRAIN_SECONDS="5",
        PYTHONUNBUFFERED="1",
    )
    return env


def make_template(folder: Path) -> Path:
    """Migrate a new database, with the demo people where that command exists; return its file."""
    env = server_environment(folder)
    folder.mkdir(parents=True, exist_ok=True)
    commands = [["migrate", "--verbosity", "0"]]
    if list(ROOT.glob("*/management/commands/seeddemo.py")):
        commands.append(["seeddemo"])
    for command in commands:
        run_manage(command, env, timeout_seconds=180).check_returncode()
    path = folder / "tram.sqlite3"
    connection = sqlite3.connect(path)
    # Everything into the one file that is copied.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path
