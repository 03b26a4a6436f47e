"""Addresses in the environment, taken apart; a malformed one is refused with its name."""

from urllib.parse import SplitResult, urlsplit

from config.environment import SettingInvalid


def parts_of(name: str, url: str, allowed: str) -> SplitResult:
    """Take `url`, the value of the variable `name`, apart.

    Raises `SettingInvalid`, saying what is `allowed`, for brackets or a port that are none.
    """
    try:
        parts = urlsplit(url)
        # Parsed at each look; a wrong one would be found in the middle of the start, or later.
        _ = parts.port
    except ValueError:
        raise SettingInvalid(name, allowed) from None
    return parts
