"""The language of OpenAI's chat completions, as programs speak it to this product: requests in,
answers and errors out. Pure Python: the same on every door."""

from chat.completions.answers import AnswerWriter, whole_answer
from chat.completions.errors import ProgramError
from chat.completions.requests import Asked, read_request

__all__ = ["AnswerWriter", "Asked", "ProgramError", "read_request", "whole_answer"]
