"""How words that came from outside are shown: harmless, and not without end."""

from __future__ import annotations

_LONGEST_QUOTE = 200

LONGEST_REASON = 2000
"""Characters of a service's reason that are kept."""


def quote(text: str, most: int = _LONGEST_QUOTE) -> str:
    """Returns the first characters of what came from outside, as one harmless literal."""
    return repr(text[:most])  # which escapes all that can't be printed
