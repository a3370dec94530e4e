"""What the scheduler remembers: of each future that has not ended, and of each poll under way.

Plain records; who changes them, and under which lock, is the scheduler's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from .._http.exchange import Exchange

if TYPE_CHECKING:
    import threading

    from ..future import StatusFuture
    from ..status import StatusReport
    from .timers import Timer


class Wait:
    """One future that has not ended."""

    __slots__ = (
        "again",
        "alone",
        "deadline",
        "ended",
        "ended_at",
        "free",
        "future",
        "held",
        "interval",
        "poll",
        "rate",
        "refused",
        "share",
        "since",
        "timer",
        "took",
    )

    def __init__(
        self, future: StatusFuture, deadline: float | None, rate: float, share: float
    ) -> None:
        self.future = future
        self.deadline = deadline
        self.timer: Timer[Timed] | None = None
        self.poll: Poll | None = None
        self.again = False  # poll_now() was called while a poll was under way
        self.alone = False  # its job is asked for by itself next
        self.held = False  # the service wants its job not to be asked for before it is due
        self.free = False  # the next poll goes with the one before, and costs no attempt
        self.interval = 0.0  # seconds from the latest answer to the next poll, as planned
        self.ended: StatusReport | None = None  # the end of the job, of which more is to be read
        self.ended_at = 0.0  # when that was told first
        self.rate = rate  # polls a second, by the latest word of the strategy
        self.share = share  # requests that a poll of its job takes, by how it was asked last
        self.refused: int | None = None  # the throttle's note of a bare 503, if that came last
        self.since = 0.0  # when the latest poll came due
        self.took = 0.0  # seconds from then until it was answered, in the queue and on the wire

    @property
    def load(self) -> float:
        """Requests a second that its job takes."""
        return self.rate * self.share

    def may_be_early(self, now: float, due: float) -> bool:
        """Says whether its job may be asked for now though its poll is ``due`` later.

        No more than a fifth of a wait is saved, or frequent ones would ride along all the time.
        """
        free = self.poll is None and not (self.alone or self.held)
        return free and due - now <= self.interval / 5


class Poll:
    """A poll that was handed to a worker."""

    __slots__ = ("exchange", "thread", "timer", "waits")

    timer: Timer[Timed]  # once it has begun

    def __init__(self, waits: list[Wait]) -> None:
        self.waits = waits
        self.exchange = Exchange()
        self.thread: threading.Thread | None = None


Timed = Union[Wait, Poll]
"""What timers are set for."""
