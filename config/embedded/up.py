"""Set up what is missing, then run the site and its embedded relays until told to stop."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.embedded.children import POLL_SECONDS, Child, free_port
from config.embedded.packages import PYTHON, ensure_model, ensure_sets
from config.embedded.page import build_page
from config.embedded.progress import ROOT, StepFailed, say

LOCAL_MODEL = "smollm2-135m"
LOCAL_MODEL_MODULE = "chat.relay.demo.language_model"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEMO_REQUESTS = "demo-requests.jsonl"
"""What the demo relay wrote down of each request, in the folder of logs: its bill, so to say."""
RELAYS_FILE = "embedded_relays"
"""Where commands beside the running site read which relays there are, as EMBEDDED_RELAYS says."""
DRAIN_MARGIN_SECONDS = 10.0
STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up() -> int:
    """Run Tram embedded and return the exit status; raises `StepFailed` with one line."""
    # Until the site runs, every signal that stops does so at once, as Ctrl-C does.
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    env = embedded_environment()
    data_dir = Path(env["DATA_DIR"])
    require_folder(data_dir)
    require_port(env["HOST"], env["PORT"])
    say("Tram is getting ready.")
    ensure_sets("run")
    real_relay = bool(env.get("HOLYSHEEP_API_KEY"))
    with_model = not real_relay and ensure_model()
    build_page()
    env["SECRET_KEY"] = env.get("SECRET_KEY") or kept_secret(data_dir, "secret_key")
    # These are left in their files, where a further one can be put before each.
    if not env.get("RELAY_KEY_SECRETS") and not env.get("RELAY_KEY_SECRETS_FILE"):
        kept_secret(data_dir, "relay_key_secrets")
    if not env.get("LEDGER_KEYS"):
        kept_secret(data_dir, "ledger_keys")
    with Household(data_dir) as household:
        if not real_relay:
            household.start_relays(env, with_model=with_model)
        prepare(env)
        if not real_relay:
            household.await_relays(env)
        return household.run_site(env)


def embedded_environment() -> dict[str, str]:
    """Return this process's environment with the embedded defaults where it says nothing."""
    env = {name: value for name, value in os.environ.items() if value}
    env.setdefault("HOST", "127.0.0.1")
    env.setdefault("PORT", "8000")
    env["DATA_DIR"] = str(Path(env.get("DATA_DIR", ROOT / "var")).expanduser().absolute())
    env.setdefault("HTTPS", "false")
    # The demo people have a password that everybody knows: for this machine only.
    env.setdefault("DEMO", "true" if env["HOST"] in LOOPBACK else "false")
    env.setdefault("DEMO_PASSWORD", "demo")
    env.setdefault("DRAIN_SECONDS", "5")
    env.setdefault("LOG_LEVEL", "WARNING")
    env.setdefault("PYTHONUNBUFFERED", "1")
    return env


def require_folder(folder: Path) -> None:
    """Make the data folder for this user alone; raise `StepFailed` if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise StepFailed(f"the folder {folder} cannot be written; choose another with DATA_DIR")


def require_port(host: str, port: str) -> None:
    """Raise `StepFailed` if PORT is no port, or another program has it."""
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise StepFailed("PORT must be a whole number, 1 to 65535")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise StepFailed(
                f"cannot listen on {host} port {port} ({error.strerror}); choose another with PORT"
            ) from None


def kept_secret(data_dir: Path, name: str) -> str:
    """Return a secret of the installation, made once and readable by this user alone."""
    path = data_dir / name
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
    return path.read_text().strip()


def prepare(env: dict[str, str]) -> None:
    """Bring the database and the static files up to date."""
    done = subprocess.run([PYTHON, "-m", "config.embedded.prepare"], cwd=ROOT, env=env, check=False)
    if done.returncode:
        raise StepFailed("preparing the database failed; the lines above say why")


class Household:
    """The relays and the site, as one: leaving the `with` block ends them all."""

    def __init__(self, data_dir: Path) -> None:
        self._logs = data_dir / "logs"
        self._told = data_dir / RELAYS_FILE
        self._children: list[Child] = []
        self._relays: dict[str, tuple[Child, int]] = {}
        self._stops = 0
        self._site_runs = False

    def __enter__(self) -> "Household":
        self._logs.mkdir(exist_ok=True)
        for number in STOPPING_SIGNALS:
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self._told.unlink(missing_ok=True)
        for child in reversed(self._children):
            child.terminate()
        for child in reversed(self._children):
            child.stop()

    def start_relays(self, env: dict[str, str], *, with_model: bool) -> None:
        """Start the relays on loopback; `await_relays` waits until they answer."""
        if with_model and (ROOT / (LOCAL_MODEL_MODULE.replace(".", "/") + ".py")).exists():
            self._start_relay("local", env, "-m", LOCAL_MODEL_MODULE)
        requests = str(self._logs / DEMO_REQUESTS)
        self._start_relay("demo", env, "-m", "chat.relay.demo", "--log", requests)

    def await_relays(self, env: dict[str, str]) -> None:
        """Note in `env` the relays that answer, the model's first; only its may be missing."""
        known = []
        for name, (child, port) in self._relays.items():
            try:
                child.wait_until_serving(port)
            except StepFailed as failure:
                if name != "local":
                    raise
                say(f"  No local language model, the scripted models serve alone: {failure}")
                continue
            known.append(f"{name}=http://127.0.0.1:{port}/v1")
            if name == "local":
                env.setdefault("DEFAULT_MODEL", LOCAL_MODEL)
        env["EMBEDDED_RELAYS"] = ",".join(known)
        self._told.write_text(env["EMBEDDED_RELAYS"] + "\n")

    def run_site(self, env: dict[str, str]) -> int:
        """Run the server until it ends; a signal drains it, a second one ends it at once."""
        site = Child("site", "manage.py", "serve", env=env)
        self._children.append(site)
        self._site_runs = True
        line = site.first_line()
        if line.startswith("listening on "):
            greet(line.removeprefix("listening on "), env)
        asked, deadline = 0, float("inf")
        while site.status is None and time.monotonic() < deadline:
            if self._stops > asked:
                asked = self._stops
                say("Stopping." if asked == 1 else "Stopping at once.")
                site.terminate()
                deadline = time.monotonic() + float(env["DRAIN_SECONDS"]) + DRAIN_MARGIN_SECONDS
            time.sleep(POLL_SECONDS)
        return site.stop()

    def _start_relay(self, name: str, env: dict[str, str], *arguments: str) -> None:
        port = free_port()
        log = self._logs / f"{name}-relay.log"
        child = Child(f"{name} relay", *arguments, "--port", str(port), env=env, log=log)
        self._children.append(child)
        self._relays[name] = (child, port)

    def _on_signal(self, _number: int, _frame: Any) -> None:
        if not self._site_runs:
            raise KeyboardInterrupt
        self._stops += 1


def greet(url: str, env: dict[str, str]) -> None:
    """Say where Tram is, who can sign in, and which relay answers."""
    for line in greeting(url, env):
        say(line)


def greeting(url: str, env: dict[str, str]) -> Iterator[str]:
    """The lines of the greeting."""
    yield ""
    yield f"Tram is ready: {url}"
    if env["DEMO"].lower() in ("1", "true", "yes", "on"):
        yield f"Sign in as alice, bob or charlie, password: {env['DEMO_PASSWORD']}"
    else:
        yield "The first person to open it becomes its owner."
    if env.get("HOLYSHEEP_API_KEY"):
        yield f"Answers come from {env.get('HOLYSHEEP_REST_URL', 'the relay')}."
    elif "local=" in env.get("EMBEDDED_RELAYS", ""):
        yield f"Answers come from {LOCAL_MODEL} on this machine; the other models are scripted."
    else:
        yield "Answers are scripted. Set HOLYSHEEP_API_KEY to talk to a real relay."
    yield "Ctrl-C stops it."
