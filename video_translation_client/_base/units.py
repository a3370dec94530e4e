"""Durations as people write them on a command line: ``90``, ``90s``, ``30m``, ``1.5h``, ``2d``."""

from __future__ import annotations

import contextlib
import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = rf"(\d+\.?\d*|\.\d+)({'|'.join(_SECONDS)})"

EXAMPLES = "500ms, 90s, 30m, 1.5h, 1h30m or 2d"


def seconds(text: str) -> float:
    """Returns the seconds that a text means: a number of them, or numbers with units.

    Raises:
        ValueError: It means none; the message says what would be right.
    """
    if re.fullmatch(f"-?({_PART})+", text, re.ASCII):
        parts = re.findall(_PART, text, re.ASCII)
        total = sum((float(number) * _SECONDS[unit] for number, unit in parts), 0.0)
        total = -total if text.startswith("-") else total
        return int(total) if total.is_integer() else total  # as messages show it best
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        return float(text)
    raise ValueError(f"must be seconds, or have a unit as in {EXAMPLES}, not {text[:100]!r}")
