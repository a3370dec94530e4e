"""What is due when: which waits are ready to be polled, and when something follows.

Pure bookkeeping under the scheduler's lock; it reads no clock and ends no future.

A wait has one live timer at most: while it waits, for its next poll; while it is ready or polled,
for its deadline. These are in a heap of their own: few at a time, and most are removed, which
would leave traces among the others. A poll needs no timer: all have the same time, so they run
out in the order in which they have started.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from .batching import Batching
from .pace import Pace
from .timers import Timers
from .waits import Poll, Wait

LATE = 1.0
"""Seconds after which a request is slow and a queue is late: together, the mark of an outage."""


class Due:
    """The moments of all waits and polls.

    Args:
        pace: Says when the next request may start.
        batching: Says which waits go together in one request; None: each goes alone.
        request_timeout: Seconds after which a poll's time is over.

    Attributes:
        polls: Those that were handed out and have not ended.
    """

    def __init__(self, pace: Pace, batching: Batching | None, request_timeout: float) -> None:
        self.polls: dict[Poll, None] = {}
        self._pace = pace
        self._batching = batching
        self._request_timeout = request_timeout
        self._ready: OrderedDict[Wait, None] = OrderedDict()
        self._timers: Timers[Wait] = Timers()
        self._deadlines: Timers[Wait] = Timers()
        self._in_time: OrderedDict[Poll, None] = OrderedDict()  # polls whose time is not over

    def add(self, wait: Wait, now: float) -> None:
        """Makes a wait ready, as the last one."""
        self._ready[wait] = None
        wait.since = now
        wait.future.due = None
        self._set_timer(wait, None)
        self._set_deadline(wait, self._deadline(wait, now))

    def is_ready(self, wait: Wait) -> bool:
        """Says whether a wait is ready to be polled."""
        return wait in self._ready

    def put_off(self, wait: Wait, now: float, seconds: float, *, held: bool) -> None:
        """Makes a wait ready later, or earlier than that for the sake of a request for many.

        Args:
            wait: It.
            now: The time.
            seconds: From now on.
            held: Whether it must not be any earlier.
        """
        wait.future.due = until = now + seconds
        if self._batching is not None:
            earliest = max(
                until - self._batching.slack(seconds), wait.asked + wait.rules.min_interval
            )
            wait.early_from = math.inf if held else earliest
        self._set_deadline(wait, None)
        self._set_timer(wait, until)

    def rest(self, wait: Wait) -> None:
        """Leaves nothing of a wait but its deadline."""
        wait.future.due = None
        self._ready.pop(wait, None)
        self._set_timer(wait, None)
        self._set_deadline(wait, wait.closes_at)

    def drop(self, wait: Wait) -> None:
        """Forgets a wait."""
        self._set_timer(wait, None)
        self._set_deadline(wait, None)
        self._ready.pop(wait, None)

    def take(self, now: float) -> tuple[list[Wait], list[Poll]]:
        """Makes ready what is due; returns the waits and the polls whose time is over."""
        # First, so that those that become ready have a poll although their deadline has come.
        expired = [wait for _, wait in self._deadlines.take(now)]
        for _, wait in self._timers.take(now):
            self.add(wait, now)
        overdue = []
        while self._first_timeout() <= now:
            overdue.append(self._in_time.popitem(last=False)[0])
        return expired, overdue

    def start_poll(self, now: float) -> Poll | None:
        """Returns a poll that starts now, or None."""
        if not self._ready:
            if self._pace.rate is not None:
                self._pace.relax(now)
            return None
        if self._next_start(now) > now:
            return None
        self._pace.start(now)
        poll = Poll(now)
        self._take_together(poll, now)
        self.polls[poll] = self._in_time[poll] = None
        return poll

    def end_poll(self, poll: Poll) -> None:
        """Forgets a poll."""
        self.polls.pop(poll, None)
        self._in_time.pop(poll, None)

    def next_moment(self, now: float, *, free: bool) -> float:
        """Returns when something is due next; infinity: never.

        Args:
            now: The time.
            free: Whether a poll could start.
        """
        moment = min(self._timers.next(), self._deadlines.next(), self._first_timeout())
        return min(moment, self._next_start(now)) if free and self._ready else moment

    def relieve(self, now: float) -> None:
        """Has a queue spread that is late: after a slow poll, the mark of an outage."""
        if now - self._oldest() > LATE:
            self._pace.spread(now, "requests are slow, and those that have queued up are spread")

    def apply_pause(self, now: float) -> None:
        """Lets ready waits end now whose deadline a pause outlasts."""
        for when, wait in self._deadlines.take(self._pace.paused_until):
            # The answer to one that is being asked for may still come in time.
            self._set_deadline(wait, now if wait in self._ready else when)

    def _deadline(self, wait: Wait, now: float) -> float | None:
        """Returns when a ready wait ends: now if the service wants no request before that."""
        deadline = wait.closes_at
        hopeless = deadline is not None and deadline <= self._pace.paused_until
        return now if hopeless else deadline

    def _oldest(self) -> float:
        """Returns since when the wait that has been ready longest is so; infinity: none is."""
        for wait in self._ready:
            return wait.since
        return math.inf

    def _first_timeout(self) -> float:
        for poll in self._in_time:
            return poll.began + self._request_timeout
        return math.inf

    def _next_start(self, now: float) -> float:
        start = self._pace.next_start(now)
        if self._batching is None:
            return start
        return max(start, self._batching.start(self._ready, now, under_way=bool(self.polls)))

    def _take_together(self, poll: Poll, now: float) -> None:
        """Gives a poll its waits: of those that are ready, and of those that will be soon."""
        if self._batching is None:
            poll.add(self._ready.popitem(last=False)[0])
            return
        for wait in self._batching.together(self._ready):
            del self._ready[wait]
            poll.add(wait)
        for wait in self._batching.early(poll.waits, self._timers, self._ready, now):
            wait.timer = None
            self.add(wait, now)
            del self._ready[wait]
            poll.add(wait)

    def _set_timer(self, wait: Wait, when: float | None) -> None:
        if wait.timer is not None:
            self._timers.remove(wait.timer)
        wait.timer = None if when is None else self._timers.add(when, wait)

    def _set_deadline(self, wait: Wait, when: float | None) -> None:
        if wait.end_timer is not None:
            self._deadlines.remove(wait.end_timer)
        wait.end_timer = None if when is None else self._deadlines.add(when, wait)
