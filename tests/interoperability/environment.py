"""`python -m tests.interoperability.environment`: LiteLLM's proxy in an environment of its own."""

from pathlib import Path

from tests.environments import install, program_of

NAME = "interoperability"


def program(name: str) -> Path:
    """A program of the environment."""
    return program_of(NAME, name)


if __name__ == "__main__":
    install(NAME)
