"""What is said of the doors under `/api/`, by method and path. A door without words fails."""

from collections.abc import Mapping

from chat.description.doors import Door

NO_THING = "00000000-0000-4000-8000-000000000000"
MODEL = "gpt-4.1"

CONVERSATIONS = "Conversations"
BATCHES = "Batches"
MONEY = "Models and money"
SESSION = "Who calls"

_CONVERSATION = "/api/conversations/{conversation_id}"
_BATCH = "/api/batches/{batch_id}"
_LINES = (
    '{"custom_id": "first", "prompt": "Say one"}\n'
    '{"custom_id": "second", "messages": [{"role": "user", "content": "Say two"}]}\n'
)

PAGE_DOORS: Mapping[tuple[str, str], Door] = {
    ("GET", "/api/me"): Door(
        "getMe",
        SESSION,
        "Who calls",
        "The person, the current team with the role in it, all teams, and the languages to "
        "choose from.",
    ),
    ("POST", "/api/team"): Door(
        "chooseTeam",
        SESSION,
        "Work in another team",
        "Makes another team the current one of the session. A key belongs to one team and is "
        "refused.",
    ),
    ("GET", "/api/budget"): Door(
        "getBudget",
        MONEY,
        "What may still be spent",
        "What the current team was granted, has spent, holds and has left, in nano-USD.",
    ),
    ("GET", "/api/models"): Door(
        "listModelsWithPrices",
        MONEY,
        "Models with their prices",
        "The models with what the team pays for them and what they can do; also while no relay "
        "answers.",
    ),
    ("POST", "/api/estimates"): Door(
        "estimateTurn",
        MONEY,
        "What a turn may cost",
        "Counts the prompt that would be sent. Nothing is sent, stored or held.",
        ("model_unknown", "model_not_allowed", "too_many_turns", "rate_limited"),
        {"chat": {"type": "chat", "content": "How far is the moon?", "model": MODEL}},
    ),
    ("GET", "/api/conversations"): Door(
        "listConversations",
        CONVERSATIONS,
        "The team's conversations",
        "Newest first. `query` searches by words; `before` is the `next` of the page before.",
    ),
    ("GET", _CONVERSATION): Door("getConversation", CONVERSATIONS, "One conversation"),
    ("PATCH", _CONVERSATION): Door(
        "changeConversation",
        CONVERSATIONS,
        "Rename, pin or archive",
        "All that is given is done, or nothing.",
        examples={"rename": {"title": "The moon", "pinned": True}},
    ),
    ("DELETE", _CONVERSATION): Door(
        "deleteConversation",
        CONVERSATIONS,
        "Delete a conversation",
        "`restore` takes it back.",
    ),
    ("POST", f"{_CONVERSATION}/restore"): Door(
        "restoreConversation", CONVERSATIONS, "Take a deletion back"
    ),
    ("GET", f"{_CONVERSATION}/messages"): Door(
        "listMessages",
        CONVERSATIONS,
        "Messages of one path",
        "A stretch of one path, oldest first. `leaf` is any message on the path, `before` one "
        "above which to read on.",
    ),
    ("POST", "/api/batches"): Door(
        "makeBatch",
        BATCHES,
        "Ask many prompts",
        "A batch of JSON, of JSONL, of lines of text, or of an uploaded file. Where the body is "
        "lines, the rest stands in the address. 201 for a new batch; 200 for the one that the same "
        "`Idempotency-Key` (or `id`) made before.",
        (
            "idempotency_mismatch",
            "model_unknown",
            "model_not_allowed",
            "rate_limited",
            "too_many_turns",
        ),
        {
            "prompts": {
                "name": "Two words",
                "model": MODEL,
                "prompts": ["Say one", {"custom_id": "second", "prompt": "Say two"}],
                "options": {"max_tokens": 50},
                "concurrency": 2,
            },
            "lines": _LINES,
        },
    ),
    ("GET", "/api/batches"): Door("listBatches", BATCHES, "The team's batches", "Newest first."),
    ("GET", _BATCH): Door(
        "getBatch",
        BATCHES,
        "How far a batch is",
        "Lines, time, tokens and cost so far, and how long the rest may take.",
    ),
    ("PATCH", _BATCH): Door(
        "renameBatch", BATCHES, "Rename a batch", examples={"rename": {"name": "Two more words"}}
    ),
    ("DELETE", _BATCH): Door(
        "deleteBatch",
        BATCHES,
        "Delete a batch",
        "With its answers. One that runs is stopped first.",
        ("too_many_turns", "idempotency_mismatch"),
    ),
    ("POST", f"{_BATCH}/stop"): Door(
        "stopBatch",
        BATCHES,
        "Stop a batch",
        "Running lines are interrupted and settled, the others wait for `resume`.",
    ),
    ("POST", f"{_BATCH}/resume"): Door(
        "resumeBatch",
        BATCHES,
        "Go on with a stopped batch",
        codes=("rate_limited", "too_many_turns"),
    ),
    ("GET", f"{_BATCH}/lines"): Door(
        "listBatchLines",
        BATCHES,
        "What each line took",
        "In their order, without their texts. `after` is the `next` of the page before.",
    ),
    ("GET", f"{_BATCH}/results"): Door(
        "getBatchResults",
        BATCHES,
        "The answers as a file",
        "Those there are so far: JSONL in the shape of OpenAI's batch output, or CSV.",
    ),
}
