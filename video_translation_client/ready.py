"""The waits whose poll is due, in order, and which of them one request asks for together.

Pure bookkeeping under the scheduler's lock; it reads no clock.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice
from typing import Callable, Iterator, Sequence

from .waits import Wait

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
        first = next(iter(self._waits))
        if self._limit == 1 or first.alone or not under_way or self.room() < 1:
            return now
        return max(now, first.since + _GATHERING)

    def room(self) -> int:
        """Returns how many more jobs the next request can ask for."""
        waits = self._candidates()
        count = self._together([wait.future.job_id for wait in waits])
        return 0 if count < len(waits) else self._limit - count

    def take(self) -> list[Wait]:
        """Takes out and returns those that the next request asks for. There is a wait."""
        waits = self._candidates()
        del waits[self._together([wait.future.job_id for wait in waits]) :]
        for wait in waits:
            del self._waits[wait]
        return waits

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
