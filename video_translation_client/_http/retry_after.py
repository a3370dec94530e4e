"""How long a service asks to be left alone, read from the headers of one answer.

Nothing is remembered, and what can't be understood is as if not given.
"""

from __future__ import annotations

import math
import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Callable, Mapping, Sequence

# Numbers from here on (the year 2001) are moments, not durations.
_EPOCH_TIMES = 1e9

_RESET = "-reset"

_NUMBER = r"[0-9]{1,15}(\.[0-9]{0,9})?"


class PacingHeaders:
    """Reads those headers by which one service says how long to ask no more.

    Args:
        names: Such as ``retry-after-ms`` (milliseconds, Azure and OpenAI), ``Retry-After``
            (seconds or a date, RFC 9110, 10.2.3) and ``RateLimit-Reset``
            (draft-ietf-httpapi-ratelimit-headers; where ``RateLimit-Remaining`` leaves nothing);
            the first that makes sense counts.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [
            (name, f"{name[: -len(_RESET)]}-Remaining" if name.lower().endswith(_RESET) else None)
            for name in names
        ]
        self._known = {name.lower() for pair in self._names for name in pair if name is not None}

    def read(
        self, headers: Mapping[str, str], now: Callable[[], float]
    ) -> tuple[float | None, bool]:
        """Returns the seconds to wait before the next request, and whether none is left till then.

        Args:
            headers: Those of the answer.
            now: Returns seconds since the epoch, for a date in an answer that doesn't say when it
                was sent.
        """
        seconds, exhausted = None, False
        if self._known.isdisjoint(name.lower() for name in headers):  # of nearly every answer
            return seconds, exhausted
        for name, remaining in self._names:
            left = None
            if remaining is not None and remaining in headers:
                left = _number(headers[remaining])
                exhausted |= left == 0
            if seconds is None and not left and name in headers:
                seconds = _seconds(name, headers, now)
        return seconds, exhausted


def _seconds(name: str, headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    number = _number(headers[name])
    if number is None:
        return _until(headers[name], headers.get("Date", ""), now)
    if name.lower().endswith("-ms"):
        return number / 1000
    if name.lower().endswith(_RESET) and number >= _EPOCH_TIMES:
        return max(0.0, number - now())  # some mean the moment, in seconds since the epoch
    return number


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(_NUMBER, text.strip()) else None


def _until(text: str, sent: str, now: Callable[[], float]) -> float | None:
    """Returns the seconds until a date, by the server's own clock where that is known."""
    moment = _moment(text)
    if moment is None:
        return None
    reference = _moment(sent)
    return max(0.0, moment - (now() if reference is None else reference))


def _moment(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # as of asctime's form, which is in UTC as all are
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = moment.timestamp()
    except (TypeError, ValueError, IndexError, OverflowError, UnboundLocalError):
        return None
    return seconds if math.isfinite(seconds) else None
