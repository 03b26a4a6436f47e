"""The doors in the language of OpenAI, under `/v1/`: plain ASGI beside Django's application, so
that a program's first word does not pay for what only pages need.
"""

from chat.openai.application import OpenAIDoors

__all__ = ["OpenAIDoors"]
