"""How long a service asks to be left alone, read from the headers of one answer.

A pure function: nothing is remembered, and what can't be understood is as if not given.
"""

from __future__ import annotations

import math
import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Mapping, Sequence

# Numbers from here on (the year 2001) are moments, not durations.
_EPOCH_TIMES = 1e9

_RESET = "-reset"

_NUMBER = re.compile(r"\d{1,15}(\.\d{0,9})?", re.ASCII)


def retry_after(headers: Mapping[str, str], names: Sequence[str], now: float) -> float | None:
    """Returns the seconds to wait before the next request, or None.

    Args:
        headers: Those of the answer.
        names: Which of them tell it, such as ``retry-after-ms`` (milliseconds, Azure and
            OpenAI), ``Retry-After`` (seconds or a date, RFC 9110, 10.2.3) and
            ``RateLimit-Reset`` (draft-ietf-httpapi-ratelimit-headers; where
            ``RateLimit-Remaining`` leaves nothing); the first that makes sense counts.
        now: Seconds since the epoch, for a date in an answer that doesn't say when it was sent.
    """
    for name in names:
        text = headers.get(name, "")
        number = _number(text)
        if name.lower().endswith(_RESET) and _number(headers.get(_remaining(name), "")):
            continue
        if number is None:
            number = _until(text, headers.get("Date", ""), now)
        elif name.lower().endswith("-ms"):
            return number / 1000
        elif name.lower().endswith(_RESET) and number >= _EPOCH_TIMES:
            number = max(0.0, number - now)  # some mean the moment, in seconds since the epoch
        if number is not None:
            return number
    return None


def is_exhausted(headers: Mapping[str, str], names: Sequence[str]) -> bool:
    """Says whether the answer was the last one before the limit's reset."""
    resets = [name for name in names if name.lower().endswith(_RESET)]
    return any(_number(headers.get(_remaining(name), "")) == 0 for name in resets)


def _remaining(name: str) -> str:
    return f"{name[: -len(_RESET)]}-Remaining"


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _until(text: str, sent: str, now: float) -> float | None:
    """Returns the seconds until a date, by the server's own clock where it tells it."""
    moment = _moment(text)
    if moment is None:
        return None
    reference = _moment(sent)
    return max(0.0, moment - (now if reference is None else reference))


def _moment(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # as of asctime's form, which is in UTC as all are
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = moment.timestamp()
    except (TypeError, ValueError, IndexError, OverflowError, UnboundLocalError):
        return None
    return seconds if math.isfinite(seconds) else None
