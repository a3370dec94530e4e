"""Which waits there are: how they come in, are hurried, change between rest and polls, and go.

Pure bookkeeping under the scheduler's lock, of what the threads' inbox brings; it ends no future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

if TYPE_CHECKING:
    from ..future import StatusFuture
    from .decision import Again
    from .due import Due
    from .listeners import Listeners
    from .pace import Pace
    from .waits import Poll, Wait

NUDGE_INTERVAL = 1.0
"""Seconds between two polls of a job, at least, that nudges may cause."""


class Registry:
    """The waits of one scheduler.

    Args:
        due: When they are polled.
        pace: Reckons with those that are.
        listeners: Hear of them.

    Attributes:
        waits: By all futures that have not ended, also those that are still to be taken in. Single
            steps of a dict need no lock.
    """

    def __init__(self, due: Due, pace: Pace, listeners: Listeners) -> None:
        self.waits: dict[StatusFuture, Wait] = {}
        self._by_job: dict[str | None, tuple[Wait, ...]] = {}
        self._due = due
        self._pace = pace
        self._listeners = listeners

    def knows(self, job_id: str | None) -> bool:
        """Says whether a job is waited for; for any thread, without the lock."""
        return job_id in self._by_job

    def adopt(self, waits: Iterable[Wait], now: float) -> None:
        """Takes in waits."""
        for wait in waits:
            # It may have been taken in, or its end, before: what was interrupted, others do.
            if wait.is_known or self.waits.get(wait.future) is not wait:
                continue
            wait.is_known = True
            wait.stream = self._listeners.begin(wait)
            job_id, start = wait.future.job_id, wait.start
            self._by_job[job_id] = (*self._by_job.get(job_id, ()), wait)
            if start.patience and wait.deadline is not None and wait.deadline <= now:
                wait.closes_at = now + start.patience
            if wait.rests:
                self._due.rest(wait)
                continue
            self._pace.join(wait)
            self._begin(wait, now, start.seconds)

    def adopt_missed(self, _: object, now: float) -> None:
        """Takes in those whose submit was interrupted, so that their end is seen to."""
        self.adopt(list(self.waits.values()), now)

    def poll_now(self, wait: Wait, now: float) -> None:
        """Makes a wait ready, or has another poll follow the one under way."""
        wait.is_hurried = False
        if not wait.is_known or wait.rests or self._due.is_ready(wait):
            return
        if wait.poll is not None:
            wait.poll_again = True
        else:
            self._due.add(wait, now)

    def nudge(self, job_id: str | None, now: float) -> None:
        """Has one more poll of a job come as soon as it may, which costs no attempt.

        The poll that was to come next comes when it would have come without.
        """
        for wait in self._by_job.get(job_id, ()):
            if wait.poll is not None:
                wait.is_nudged = True  # what follows on the poll under way is not known yet
            elif not wait.rests and not wait.is_nudged:
                self._bring_forward(wait, now)

    def continue_with(self, wait: Wait, again: Again, now: float) -> None:
        """Has a wait go on as was decided, and its next poll come before that if it was nudged."""
        wait.alone, wait.free = again.alone, again.free
        wait.job_end, wait.job_end_at = again.end, again.end_at
        if wait.rests:
            self._due.rest(wait)
            return
        self._pace.reckon(wait, again.interval, 1.0 if again.alone else None)
        if wait.poll_again or again.seconds <= 0:
            wait.poll_again = wait.is_nudged = False
            self._due.add(wait, now)
            return
        seconds, planned, wait.planned = again.seconds, wait.planned, None
        if planned is not None and not again.held:  # a poll that was nudged for puts none off
            earliest = max(now, wait.asked + wait.rules.min_interval)
            seconds = min(seconds, max(planned, earliest) - now)
        self._due.put_off(wait, now, seconds, held=again.held or again.alone)
        if wait.is_nudged:
            wait.is_nudged = False
            self._bring_forward(wait, now)

    def lead(self, wait_after: tuple[Wait, float], now: float) -> None:
        """Has a wait at rest polled from now on, first after some seconds."""
        wait, seconds = wait_after
        if wait.is_known and wait.rests:
            wait.rests = False
            self._pace.join(wait)
            if wait.poll is None:
                self._begin(wait, now, seconds)

    def rest(self, wait: Wait, now: float) -> None:
        """Has a wait polled no more: others ask for its job, and tell it what they are told."""
        if wait.is_known and not wait.rests:
            wait.rests = True
            self._pace.leave(wait)
            if wait.poll is None:
                self._due.rest(wait)

    def drop(self, future: StatusFuture) -> Poll | None:
        """Drops all that is known of a wait; no poll of it starts afterwards.

        Returns:
            The poll that is under way for it alone, or None.
        """
        wait = self.waits.pop(future, None)
        if wait is None or not wait.is_known:  # pragma: no cover - where Ctrl-C came in between
            return None
        wait.is_known = False
        others = tuple(one for one in self._by_job.pop(future.job_id) if one is not wait)
        if others:
            self._by_job[future.job_id] = others
        if not wait.rests:
            self._pace.leave(wait)
        self._due.drop(wait)
        # They would hold each other, and so the future, until the garbage collector runs.
        poll, wait.poll = wait.poll, None
        return None if poll is None or poll.is_needed() else poll

    def _begin(self, wait: Wait, now: float, seconds: float) -> None:
        if seconds > 0:
            self._due.put_off(wait, now, seconds, held=False)
        else:
            self._due.add(wait, now)

    def _bring_forward(self, wait: Wait, now: float) -> None:
        due, soon = wait.future.due, max(now, wait.nudged_at + NUDGE_INTERVAL)
        if due is None or due <= soon:
            return  # it is ready, or the poll that is to come is as good
        wait.is_nudged, wait.planned = True, due
        if soon <= now:
            self._due.add(wait, now)
        else:
            self._due.put_off(wait, now, soon - now, held=False)
