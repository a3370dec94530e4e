"""What is due when: which waits are asked together now, and which wait or poll is next.

Pure bookkeeping under the scheduler's lock; it reads no clock and ends no future.
"""

from __future__ import annotations

from .._http.poller import Poller
from .pace import Throttle
from .ready import Ready
from .timers import Timers
from .waits import Poll, Timed, Wait


class Agenda:
    """The moments of all waits and polls.

    Args:
        poller: Says which jobs one poll can ask for.
        throttle: Says when the next request may start.
        request_timeout: Seconds after which a poll's time is over.

    Attributes:
        polls: Those that were handed out and have not ended.
    """

    def __init__(self, poller: Poller, throttle: Throttle, request_timeout: float) -> None:
        self.polls: dict[Poll, None] = {}
        self._poller = poller
        self._throttle = throttle
        self._request_timeout = request_timeout
        self._ready = Ready(poller.together, poller.most)
        self._timers: Timers[Timed] = Timers()

    def add(self, wait: Wait, now: float) -> None:
        """Makes a wait ready that is not."""
        self._ready.add(wait)
        self._come_due(wait, now)

    def is_ready(self, wait: Wait) -> bool:
        """Says whether a wait is ready to be polled."""
        return wait in self._ready

    def put_off(self, wait: Wait, until: float) -> None:
        """Makes a wait ready at a later moment."""
        wait.future.due = until
        self._set_timer(wait, until)

    def drop(self, wait: Wait) -> None:
        """Forgets a wait."""
        self._set_timer(wait, None)
        self._ready.discard(wait)

    def drop_ready(self) -> None:
        """Forgets that waits are ready: none of them is asked for any more."""
        self._ready.clear()

    def take_due(self, now: float) -> tuple[list[Wait], list[Poll]]:
        """Makes ready what is due; returns the waits and the polls whose time is over."""
        expired, overdue = [], []
        for item in self._timers.pop(now):
            if isinstance(item, Poll):
                overdue.append(item)
            elif item.poll is not None or item in self._ready:
                expired.append(item)
            else:
                self.add(item, now)
        return expired, overdue

    def take_poll(self, now: float) -> Poll | None:
        """Returns a poll that is to start now, or None."""
        if not self._ready:
            self._throttle.relax(now)
            return None
        if self._next_start(now) > now:
            return None
        self._throttle.started(now)
        poll = Poll(self._ready.take())
        for wait in poll.waits:
            wait.poll = poll
        self._take_early(now, poll)
        self.polls[poll] = None
        return poll

    def next_moment(self, now: float, free: bool) -> float | None:
        """Returns when something is due next, or None.

        Args:
            now: The time.
            free: Whether a poll could start.
        """
        moments = [self._timers.next()]
        if self._ready and free:
            moments.append(self._next_start(now))
        return min((moment for moment in moments if moment is not None), default=None)

    def begin(self, poll: Poll, now: float) -> float:
        """Counts the time of a poll from now on; returns when it is over."""
        self._throttle.started(now)  # once more: a worker may have been slow to start
        poll.timer = self._timers.add(now + self._request_timeout, poll)
        return now + self._request_timeout

    def end(self, poll: Poll) -> None:
        """Forgets a poll, which may have been forgotten before."""
        self.polls.pop(poll, None)
        self._timers.remove(poll.timer)

    def oldest(self) -> float | None:
        """Returns since when the wait that has been ready longest is so; None: there is none."""
        return next((wait.since for wait in self._ready), None)

    def heed_pause(self, now: float) -> None:
        """Lets waits end now that a pause of the throttle outlasts."""
        for wait in self._ready:
            if self._is_hopeless(wait):
                self._set_timer(wait, now)

    def _come_due(self, wait: Wait, now: float) -> None:
        wait.since = now
        wait.future.due = None
        # At its deadline it ends, or now if the service wants no request before that.
        self._set_timer(wait, now if self._is_hopeless(wait) else wait.deadline)

    def _is_hopeless(self, wait: Wait) -> bool:
        return wait.deadline is not None and wait.deadline <= self._throttle.paused_until

    def _next_start(self, now: float) -> float:
        enough = self._ready.starts(now, bool(self.polls))
        return max(enough, self._throttle.next_start(now))

    def _take_early(self, now: float, poll: Poll) -> None:
        """Has a poll ask for what is due soon as well, as far as it has room."""
        room = self._poller.most - len(poll.waits)
        taken = self._timers.take(now + self._poller.window, 2 * room) if room > 0 else []
        fit = [
            item
            for when, item in taken
            if isinstance(item, Wait) and item not in self._ready and item.may_be_early(now, when)
        ]
        early = self._ready.more(poll.waits, fit[:room])
        for when, item in taken:
            if item not in early:
                item.timer = self._timers.add(when, item)
        for wait in early:
            wait.timer, wait.poll = None, poll
            self._come_due(wait, now)
        poll.waits += early

    def _set_timer(self, wait: Wait, when: float | None) -> None:
        if wait.timer is not None:
            self._timers.remove(wait.timer)
        wait.timer = None if when is None else self._timers.add(when, wait)
