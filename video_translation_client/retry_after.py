"""How long a service asks to be left alone, read from the headers of one answer.

A pure function: nothing is remembered, and what can't be understood is as if not given.
"""

from __future__ import annotations

import math
import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Mapping

# Numbers from here on (the year 2001) are moments, not durations.
_EPOCH_TIMES = 1e9

_NUMBER = re.compile(r"\d{1,15}(\.\d{0,9})?", re.ASCII)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Returns the seconds to wait before the next request, or None.

    Args:
        headers: Those of the answer. Of ``retry-after-ms`` (milliseconds, Azure and OpenAI),
            ``Retry-After`` (seconds or a date, RFC 9110, 10.2.3) and ``RateLimit-Reset``
            (seconds, draft-ietf-httpapi-ratelimit-headers; only where ``RateLimit-Remaining``
            leaves nothing), the first that makes sense counts.
        now: Seconds since the epoch, for a date in an answer that doesn't say when it was sent.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("Retry-After", "")
    for seconds in (_number(text), _until(text, headers.get("Date", ""), now)):
        if seconds is not None:
            return seconds
    remaining = _number(headers.get("RateLimit-Remaining", ""))
    reset = None if remaining else _number(headers.get("RateLimit-Reset", ""))
    # Some mean the moment, in seconds since the epoch.
    return reset if reset is None or reset < _EPOCH_TIMES else max(0.0, reset - now)


def is_exhausted(headers: Mapping[str, str]) -> bool:
    """Says whether the answer was the last one before the limit's reset."""
    return _number(headers.get("RateLimit-Remaining", "")) == 0


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
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None
