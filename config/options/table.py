"""`python -m config.options.table` prints `docs/settings.md`; a test compares the two."""

import sys

from config.environment import rows
from config.options import GROUPS

INTRODUCTION = """# Settings

Everything is set by environment variables, read once at start. A wrong value ends the start with
one line that names the variable and what is allowed. Lists are separated by commas; switches take
`true` or `false`. `make up` sets some of them itself where you do not, see
[operating](operating.md).

This page is made from the code by `make settings`.
"""


def document() -> str:
    """Return the whole page as Markdown."""
    parts = [INTRODUCTION]
    for group in GROUPS:
        parts.append(f"## {group.__name__}\n\n{(group.__doc__ or '').strip()}\n")
        parts.append("| variable | type | default | meaning |\n|---|---|---|---|")
        for row in rows(group):
            kind = f"{row.kind} ({row.unit})" if row.unit else row.kind
            default = f"`{row.default}`" if row.default and " " not in row.default else row.default
            parts.append(f"| `{row.name}` | {kind} | {default} | {row.meaning} |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(document())
