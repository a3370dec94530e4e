"""The waits whose poll is due, in order, and which of them one request asks for together.

Pure bookkeeping under the scheduler's lock; it reads no clock.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import islice
from typing import Callable, Iterator, Sequence

from .waits import Wait

# Seconds before a deadline from which on no request that is to meet it waits.
_LAST_MOMENTS = 0.5

# Seconds for which a request that has room for more jobs waits for them while another one is
# under way, as small packets do (Nagle, RFC 896).
_GATHERING = 0.1


class Ready:
    """A queue of waits.

    Args:
        together: Says how many of some job ids, from the first on, one request can ask for.
        limit: The most that it can.
    """

    def __init__(self, together: Callable[[Sequence[str | None]], int], limit: int) -> None:
        self._together = together
        self._limit = limit
        self._waits: OrderedDict[Wait, None] = OrderedDict()

    def add(self, wait: Wait) -> None:
        """Takes in a wait as the last one, unless it is here."""
        self._waits[wait] = None

    def discard(self, wait: Wait) -> None:
        """Takes out a wait if it is here."""
        self._waits.pop(wait, None)

    def clear(self) -> None:
        """Takes out all."""
        self._waits.clear()

    def starts(self, now: float, under_way: bool) -> float:
        """Returns when the next request has enough jobs: ``now`` or later. There is a wait.

        Args:
            now: The time.
            under_way: Whether the end of another request is ahead.
        """
        waits = self._candidates()
        if self._limit == 1 or waits[0].alone or not under_way or self._count(waits) < len(waits):
            return now
        if len(waits) == self._limit:
            return now
        deadlines = [wait.deadline for wait in waits if wait.deadline is not None]
        last_moment = min(deadlines, default=math.inf) - _LAST_MOMENTS
        return max(now, min(waits[0].since + _GATHERING, last_moment))

    def take(self) -> list[Wait]:
        """Takes out and returns those that the next request asks for. There is a wait."""
        waits = self._candidates()
        del waits[self._count(waits) :]
        for wait in waits:
            del self._waits[wait]
        return waits

    def more(self, waits: list[Wait], others: list[Wait]) -> list[Wait]:
        """Returns those of ``others``, from the first on, that join a request for ``waits``."""
        if waits[0].alone:
            return []
        return others[: self._count([*waits, *others]) - len(waits)]

    def _count(self, waits: list[Wait]) -> int:
        return self._together([wait.future.job_id for wait in waits])

    def _candidates(self) -> list[Wait]:
        first = next(iter(self._waits))
        if self._limit == 1 or first.alone:
            return [first]
        # Those that are asked for by themselves are passed over, but not without end.
        waits = [wait for wait in islice(self._waits, 2 * self._limit) if not wait.alone]
        return waits[: self._limit]

    def __contains__(self, wait: object) -> bool:
        return wait in self._waits

    def __iter__(self) -> Iterator[Wait]:
        return iter(self._waits)

    def __bool__(self) -> bool:
        return bool(self._waits)
