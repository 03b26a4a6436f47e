"""What an answer looks like: code, maths, tables, reasoning, and copying them."""

from playwright.sync_api import expect

from tests.journeys.desk import Desks
from tests.journeys.relay import RelayScripts

CODE = 'def greet(name: str) -> str:\n    return f"Hello, {name} & <you>"\n'
RICH = f"""Some **bold** and a [link](https://example.com/).

```python
{CODE}```

| Way | Riders |
|:----|-------:|
| Tram | 12,000 |

Inline $a^2 + b^2 = c^2$ and

$$
\\int_0^1 x\\,dx = \\frac{{1}}{{2}}
$$

1. one
2. two
"""


def test_markdown_becomes_code_tables_lists_and_formulas(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_says(RICH)
    answer = alice.ask("Everything, please")
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.locator("figure.code code")).to_have_text(CODE.rstrip("\n"), use_inner_text=True)
    expect(answer.locator("figure.code .hljs-keyword").first).to_have_text("def")
    expect(answer.locator("td.align-right")).to_have_text("12,000")
    expect(answer.locator(".katex")).to_have_count(2)
    expect(answer.locator(".katex-display")).to_have_count(1)
    expect(answer.locator("ol li")).to_have_text(["one", "two"])
    assert "$" not in answer.locator(".katex").first.inner_text()
    live = answer.locator("[data-part=text]").inner_html()
    alice.reload()
    expect(alice.answer.locator(".katex")).to_have_count(2)
    expect(alice.answer.locator("figure.code .hljs-keyword").first).to_have_text("def")
    assert alice.answer_text.inner_html() == live


def test_code_and_answers_are_copied_as_they_were_written(
    desks: Desks, relay: RelayScripts
) -> None:
    alice = desks("alice", permissions=["clipboard-read", "clipboard-write"]).go()
    relay.next_says(RICH)
    answer = alice.ask("Everything, to copy")
    copy = answer.locator("figure.code").get_by_role("button")
    copy.click()
    expect(copy).to_have_text("Copied")
    assert alice.page.evaluate("navigator.clipboard.readText()") == CODE
    expect(copy).to_have_text("Copy")
    alice.use("Copy", answer.locator(".message-foot"))
    alice.page.wait_for_function(
        "text => navigator.clipboard.readText().then((copied) => copied.trim() === text)",
        arg=RICH.strip(),
    )


def test_reasoning_is_folded_until_it_is_asked_for(desks: Desks) -> None:
    alice = desks("alice").go()
    alice.choose_model("v3.2")
    answer = alice.ask("Think, then be short")
    reasoning = answer.locator("[data-part=reasoning-text]")
    expect(answer.locator(".reasoning summary")).to_have_text("Reasoning")
    expect(reasoning).to_be_hidden()
    answer.locator(".reasoning summary").click()
    expect(reasoning).to_be_visible()
    expect(reasoning).not_to_be_empty()


def test_a_very_long_question_is_folded(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_says("Read.")
    alice.ask("A long question. " * 400)
    folded = alice.question.bounding_box()
    alice.question.get_by_role("button", name="Show all").click()
    unfolded = alice.question.bounding_box()
    assert folded
    assert unfolded
    assert unfolded["height"] > 2 * folded["height"]


def test_the_page_follows_only_a_reader_at_the_bottom(desks: Desks, relay: RelayScripts) -> None:
    alice = desks("alice").go()
    relay.next_says("\n\n".join(f"Paragraph {number}." for number in range(80)))
    alice.ask("Write much")
    expect(alice.answer.get_by_text("Paragraph 79.")).to_be_in_viewport()
    text = "\n\n".join(f"Line {number}." for number in range(60))
    relay.next_says_slowly(text, tokens=6, pause_seconds=0.05)
    alice.send("More")
    alice.wait_longer_than(20)
    alice.page.locator(".thread").hover()
    alice.page.mouse.wheel(0, -1_200)
    expect(alice.page.get_by_role("button", name="Newest")).to_be_visible()
    place = alice.page.locator(".thread").evaluate("box => box.scrollTop")
    alice.wait_ended()
    assert alice.page.locator(".thread").evaluate("box => box.scrollTop") == place
    alice.page.get_by_role("button", name="Newest").click()
    expect(alice.answer.get_by_text("Line 59.")).to_be_in_viewport()
