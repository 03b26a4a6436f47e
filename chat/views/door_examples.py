"""How a door is called: with curl, from Python and from JavaScript."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "TRAM_API_KEY"
_PLACE = re.compile(r"\{(\w+)\}")
VALUES = {"model": "gpt-4.1"}
COMPLETIONS = "createChatCompletion"


@dataclass(frozen=True, slots=True)
class Example:
    """A program in a language."""

    language: str
    text: str


def examples_of(
    method: str, path: str, said: Mapping[str, Any], address: str
) -> tuple[Example, ...]:
    """The same call in three languages; for the door of OpenAI's clients with these clients. None
    for a door that takes no key."""
    if said["security"] and not any("key" in each for each in said["security"]):
        return ()
    url = address + _PLACE.sub(lambda found: VALUES.get(found[1], found[1].upper()), path)
    body = _body(said)
    closed = bool(said["security"])
    texts = {
        "curl": _curl(method, url, body, closed),
        "Python": _python(method, url, body, closed),
        "JavaScript": _javascript(method, url, body, closed),
    }
    if said["operationId"] == COMPLETIONS:
        texts["Python"] = OPENAI_PYTHON.format(address=address)
        texts["JavaScript"] = OPENAI_JAVASCRIPT.format(address=address)
    return tuple(Example(language, text) for language, text in texts.items())


def _body(said: Mapping[str, Any]) -> Any:
    content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = list(content.get("examples", {}).values())
    return examples[0]["value"] if examples else None


def _curl(method: str, url: str, body: Any, closed: bool) -> str:
    parts = [f"curl -sS {url}" if method == "GET" else f"curl -sS -X {method} {url}"]
    if closed:
        parts.append(f'-H "Authorization: Bearer ${KEY}"')
    if body is not None:
        parts.append("-H 'Content-Type: application/json'")
        parts.append(f"-d '{json.dumps(body)}'")
    return " \\\n  ".join(parts)


def _python(method: str, url: str, body: Any, closed: bool) -> str:
    lines = ["import os", "", "import requests", ""] if closed else ["import requests", ""]
    lines += ["answer = requests.request(", f'    "{method}",', f'    "{url}",']
    if closed:
        lines.append(f'    headers={{"Authorization": f"Bearer {{os.environ[\'{KEY}\']}}"}},')
    if body is not None:
        lines.append(f"    json={body!r},")
    return "\n".join([*lines, "    timeout=60,", ")", "print(answer.status_code, answer.text)"])


def _javascript(method: str, url: str, body: Any, closed: bool) -> str:
    lines = [f'const answer = await fetch("{url}", {{', f'  method: "{method}",']
    headers = [f"Authorization: `Bearer ${{process.env.{KEY}}}`"] if closed else []
    if body is not None:
        headers.append('"Content-Type": "application/json"')
    if headers:
        lines.append(f"  headers: {{ {', '.join(headers)} }},")
    if body is not None:
        lines.append(f"  body: JSON.stringify({json.dumps(body)}),")
    return "\n".join([*lines, "});", "console.log(answer.status, await answer.text());"])


OPENAI_PYTHON = """\
import os

from openai import OpenAI

client = OpenAI(base_url="{address}/v1", api_key=os.environ["TRAM_API_KEY"])
stream = client.chat.completions.create(
    model="gpt-4.1",
    messages=[{{"role": "user", "content": "Say something short"}}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)"""
OPENAI_JAVASCRIPT = """\
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{address}/v1", apiKey: process.env.TRAM_API_KEY }});
const stream = await client.chat.completions.create({{
  model: "gpt-4.1",
  messages: [{{ role: "user", content: "Say something short" }}],
  stream: true,
}});
for await (const chunk of stream) process.stdout.write(chunk.choices[0].delta.content ?? "");"""
