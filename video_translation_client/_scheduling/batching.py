"""What goes together in one request: which waits, which may come early, and what waits for company.

Only for services that tell of many jobs in one answer; pure bookkeeping under the scheduler's lock.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Container, Iterable

from .._http.poller import Poller
from .waits import Wait

if TYPE_CHECKING:
    from .timers import Timers

# Seconds before a deadline from which on no request that is to meet it waits.
_LAST_MOMENTS = 0.5

# Seconds for which a request that has room for more jobs waits for them while another one is
# under way, as small packets do (Nagle, RFC 896).
_GATHERING = 0.1


class Batching:
    """How the jobs of one service go together.

    Args:
        poller: Says which jobs one request can ask for.
    """

    def __init__(self, poller: Poller) -> None:
        self._together = poller.together
        self._limit = poller.most
        self._window = poller.window

    def slack(self, seconds: float) -> float:
        """Returns how many seconds early a job may be asked after a wait of ``seconds``.

        At most a fifth, or frequent ones would ride along all the time.
        """
        return min(self._window, seconds / 5)

    def start(self, ready: Iterable[Wait], now: float, *, under_way: bool) -> float:
        """Returns when the next request has enough jobs: ``now`` or later.

        Args:
            ready: The waits that are ready, the first one first; there is one.
            now: The time.
            under_way: Whether the end of another request is ahead.
        """
        if not under_way:
            return now
        waits = self._candidates(ready)
        full = len(waits) == self._limit or self._count(waits) < len(waits)
        if waits[0].alone or full:
            return now
        deadlines = [wait.deadline for wait in waits if wait.deadline is not None]
        last_moment = min(deadlines, default=math.inf) - _LAST_MOMENTS
        return max(now, min(waits[0].since + _GATHERING, last_moment))

    def together(self, ready: Iterable[Wait]) -> list[Wait]:
        """Returns those of the ready waits that the next request asks for; there is one."""
        waits = self._candidates(ready)
        return waits[: self._count(waits)]

    def early(
        self,
        waits: list[Wait],
        timers: Timers[Wait],
        ready: Container[Wait],
        now: float,
    ) -> list[Wait]:
        """Takes out of the timers what joins a request for ``waits`` though it is due later.

        A wait that is about to be polled anyway saves a request if it rides along.
        """
        room = self._limit - len(waits)
        if waits[0].alone or room <= 0:
            return []
        taken = timers.take(now + self._window, 2 * room)
        fit = [
            wait
            for _, wait in taken
            if wait.poll is None and not wait.alone and wait not in ready and wait.early_from <= now
        ][:room]
        if fit:
            fit = fit[: self._count([*waits, *fit]) - len(waits)]
        joined = dict.fromkeys(fit)
        for when, wait in taken:
            if wait not in joined:
                wait.timer = timers.add(when, wait)
        return list(joined)

    def _count(self, waits: list[Wait]) -> int:
        return self._together([wait.future.job_id for wait in waits])

    def _candidates(self, ready: Iterable[Wait]) -> list[Wait]:
        # Those that are asked for by themselves are passed over, but not without end.
        first = list(islice(ready, 2 * self._limit))
        if first[0].alone:
            return first[:1]
        return [wait for wait in first if not wait.alone][: self._limit]
