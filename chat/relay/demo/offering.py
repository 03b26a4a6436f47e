"""The models the demo relay lists, what they cost there, and what each one is like.

The names and prices are those a real relay of this kind publishes, so that the product meets the
same catalogue; the names shown to people say that the models are scripted.
"""

import msgspec

from chat.relay.demo.repertoire import Kind

NANO_USD = 10**9


class DemoModel(msgspec.Struct, frozen=True):
    """A scripted model.

    `favourite` is the kind of answer it gives when the prompt asks for none in particular;
    `reasons` makes it send reasoning before the answer. `context_tokens` and `sees` (pictures) are
    only told, as the model whose name it bears has them; None where that is not known. The price
    is in nano-USD per million tokens, the same for input and output; None where no price is
    published.
    """

    id: str
    name: str
    favourite: Kind = "hello"
    reasons: bool = False
    sees: bool = False
    context_tokens: int | None = None
    price_nano_usd_per_million: int | None = None


MODELS = (
    DemoModel(
        "gpt-4.1",
        "GPT-4.1 (scripted)",
        sees=True,
        context_tokens=1_047_576,
        price_nano_usd_per_million=8 * NANO_USD,
    ),
    DemoModel("gpt-4-turbo", "GPT-4 Turbo (scripted)", sees=True, context_tokens=128_000),
    DemoModel("gpt-4", "GPT-4 (scripted)"),
    DemoModel("gpt-4o", "GPT-4o (scripted)", favourite="table", sees=True, context_tokens=128_000),
    DemoModel("gpt-3.5-turbo", "GPT-3.5 Turbo (scripted)", favourite="short"),
    DemoModel(
        "claude-sonnet-4.5",
        "Claude Sonnet 4.5 (scripted)",
        reasons=True,
        sees=True,
        context_tokens=200_000,
        price_nano_usd_per_million=15 * NANO_USD,
    ),
    DemoModel(
        "claude-opus-4",
        "Claude Opus 4 (scripted)",
        favourite="long",
        reasons=True,
        sees=True,
        context_tokens=200_000,
    ),
    DemoModel("claude-haiku-3.5", "Claude Haiku 3.5 (scripted)", favourite="short"),
    DemoModel("claude-3.5-sonnet", "Claude 3.5 Sonnet (scripted)"),
    DemoModel(
        "gemini-2.5-flash",
        "Gemini 2.5 Flash (scripted)",
        favourite="table",
        sees=True,
        context_tokens=1_048_576,
        price_nano_usd_per_million=25 * NANO_USD // 10,
    ),
    DemoModel("gemini-2.0-pro", "Gemini 2.0 Pro (scripted)", favourite="math"),
    DemoModel("gemini-1.5-pro", "Gemini 1.5 Pro (scripted)"),
    DemoModel(
        "deepseek-v3.2",
        "DeepSeek V3.2 (scripted)",
        favourite="math",
        reasons=True,
        context_tokens=131_072,
        price_nano_usd_per_million=42 * NANO_USD // 100,
    ),
    DemoModel(
        "deepseek-chat",
        "DeepSeek Chat (scripted)",
        reasons=True,
        context_tokens=131_072,
        price_nano_usd_per_million=42 * NANO_USD // 100,
    ),
    DemoModel("deepseek-coder", "DeepSeek Coder (scripted)", favourite="code"),
)
MODELS_BY_ID = {model.id: model for model in MODELS}


def model_for(name: str) -> DemoModel | None:
    """Find a listed model; fault and bench models are made on the spot, at gpt-4.1's price."""
    if name.startswith(("fault-", "bench-")):
        return DemoModel(name, f"{name} (scripted)", price_nano_usd_per_million=8 * NANO_USD)
    return MODELS_BY_ID.get(name)
