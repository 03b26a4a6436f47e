"""The options of the demo relay on a command line."""

import argparse
from pathlib import Path
from typing import Any

from chat.relay.demo.handshakes import HANDSHAKES
from chat.relay.demo.settings import DEMO_KEYS, DemoSettings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options; all have defaults but the port."""
    usual = DemoSettings()
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--host", default=usual.host)
    parser.add_argument(
        "--tokens-per-second",
        type=float,
        default=usual.tokens_per_second,
        help="0 is as fast as the client reads",
    )
    parser.add_argument("--first-token-seconds", type=float, default=usual.first_token_seconds)
    parser.add_argument(
        "--key", action="append", help=f"an accepted key, repeatable ({', '.join(DEMO_KEYS)})"
    )
    parser.add_argument("--faults", action="store_true", help="list the fault models")
    parser.add_argument(
        "--websocket",
        choices=HANDSHAKES,
        default=usual.websocket,
        help="how WebSocket handshakes are answered: off 404, forbidden 403, capacity 503",
    )
    parser.add_argument(
        "--inflate",
        type=float,
        default=usual.inflation,
        metavar="FACTOR",
        help="report so many times the usage, such as 1.2",
    )
    parser.add_argument(
        "--answer-as", default="", metavar="MODEL", help="name this model in all answers"
    )
    parser.add_argument(
        "--count-by-model",
        action="store_true",
        help="report tokens as OpenAI's models count them, instead of pieces",
    )
    parser.add_argument("--log", type=Path, help="write one JSON line per request to this file")
    parser.add_argument("--ready-file", type=Path, help="write the address here when ready")


def settings_of(options: dict[str, Any]) -> DemoSettings:
    """What the parsed options say."""
    return DemoSettings(
        host=options["host"],
        port=options["port"],
        keys=frozenset(options["key"] or DEMO_KEYS),
        tokens_per_second=options["tokens_per_second"] or None,
        first_token_seconds=options["first_token_seconds"],
        lists_faults=options["faults"],
        websocket=options["websocket"],
        inflation=options["inflate"],
        counts_by_model=options["count_by_model"],
        answers_as=options["answer_as"],
        log_file=options["log"],
    )
