"""Trying a relay out before it is used: step by step, bounded in time, as cheap as can be.

A check asks a real relay for up to two real answers (one for each transport), of at most
`ANSWER_TOKENS` tokens each: it costs what these cost there.
"""

from chat.relay.check.course import check_relay
from chat.relay.check.steps import (
    ANSWER_TOKENS,
    STEP_NAMES,
    CheckPlan,
    CheckStep,
    StepName,
    is_usable,
)
from chat.relay.check.words import SENTENCES, sentence_of

__all__ = [
    "ANSWER_TOKENS",
    "SENTENCES",
    "STEP_NAMES",
    "CheckPlan",
    "CheckStep",
    "StepName",
    "check_relay",
    "is_usable",
    "sentence_of",
]
