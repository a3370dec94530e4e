"""Waits that rest while others ask for their jobs: the part of a scheduler that tells them.

Who asks, and whether here or in another process, it does not know.
"""

from __future__ import annotations

import abc
import copy
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

from .._http.poller import Outcome

if TYPE_CHECKING:
    from ..clock import Clock
    from ..events import Ended
    from ..future import StatusFuture
    from ..status import StatusReport
    from .registry import Registry
    from .threads import Threads
    from .waits import Wait


class Hearing:
    """What one future at rest is still to hear, in order; told so, it may block no other one."""

    __slots__ = ("_news", "_telling")

    def __init__(self) -> None:
        self._news: deque[Callable[[], object]] = deque()
        self._telling = threading.Lock()  # whoever holds it has the future hear all that is there

    def add(self, news: Callable[[], object]) -> None:
        """Has it hear of something, once somebody calls ``hear``."""
        self._news.append(news)

    def hear(self) -> None:
        """Has it hear all that is there; on a worker."""
        # Who finds it taken leaves the news to who hears those before it.
        while self._news and self._telling.acquire(blocking=False):
            try:
                while self._news:
                    self._news.popleft()()
            finally:
                self._telling.release()


class Resting(abc.ABC):
    """The part of a scheduler that has waits rest; a wait begins so by its ``Start``."""

    threads: Threads
    _clock: Clock
    _registry: Registry
    _waits: dict[StatusFuture, Wait]

    def lead(self, future: StatusFuture, seconds: float = 0.0) -> None:
        """Has a wait at rest polled from now on, first after some seconds; for any thread."""
        wait = self._waits.get(future)
        if wait is not None:  # pragma: no branch - or it has ended meanwhile
            self.threads.post(self._registry.lead, (wait, seconds))

    def rest(self, future: StatusFuture) -> None:
        """Has a wait polled no more, as others ask for its job; for any thread."""
        wait = self._waits.get(future)
        if wait is not None:  # pragma: no branch - likewise
            self.threads.post(self._registry.rest, wait)

    def answer(self, future: StatusFuture, report: StatusReport, seconds: float) -> None:
        """Tells a wait at rest that its job is pending; on a worker.

        Args:
            future: Its; nobody else tells it anything at the same time.
            report: What others were told of its job.
            seconds: How long ago they have asked.
        """
        wait = self._waits.get(future)
        if wait is not None and wait.rests:
            now = self._clock.monotonic()
            wait.since = wait.asked = now - seconds
            future.attempts += 1
            self._settle(wait, Outcome(report), now)

    def conclude(self, future: StatusFuture, end: Ended) -> None:
        """Ends a wait at rest as another one for its job has ended; on a worker."""
        wait = self._waits.get(future)
        if wait is not None and wait.rests:
            future.ended_by = self._clock.monotonic() - wait.began
            own = future._make_end(end.status, end.service, copy.copy(end.error))
            limit = None if end.limit is None else wait.rules.value_of(end.limit)
            own = replace(
                own,
                report=end.report,
                last_error=end.last_error or own.last_error,
                limit=end.limit,
                limit_value=limit,
                pause=end.pause,
            )
            if self._conclude(wait, own):
                self._tell_end(wait, own)

    @abc.abstractmethod
    def _settle(self, wait: Wait, outcome: Outcome, now: float) -> Any: ...

    @abc.abstractmethod
    def _conclude(self, wait: Wait, end: Ended) -> bool: ...

    @abc.abstractmethod
    def _tell_end(self, wait: Wait, end: Ended) -> None: ...
