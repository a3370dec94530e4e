"""What the scheduler remembers: of each future that has not ended, and of each poll under way.

Plain records; who changes them, and under which lock, is the scheduler's business.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, NamedTuple

from .._http.exchange import Exchange

if TYPE_CHECKING:
    from ..future import StatusFuture
    from ..status import StatusReport
    from .decision import Rules
    from .listeners import Stream
    from .timers import Timer


class Start(NamedTuple):
    """How a wait begins here, which may have begun elsewhere.

    Attributes:
        seconds: Until its first poll.
        rests: Whether it is not polled for at first: others ask for its job, and it is told.
        patience: Seconds for which it goes on where its deadline has passed, for one last poll; 0:
            it ends at once.
    """

    seconds: float = 0.0
    rests: bool = False
    patience: float = 0.0


AT_ONCE = Start()
"""What holds for most."""


class Wait:
    """One future that has not ended.

    Args:
        future: It.
        rules: What holds for it.
        began: The moment of its submit.
        start: How it begins here.
    """

    __slots__ = (
        "alone",
        "asked",
        "began",
        "closes_at",
        "deadline",
        "early_from",
        "end_timer",
        "free",
        "future",
        "is_hurried",
        "is_known",
        "is_nudged",
        "job_end",
        "job_end_at",
        "nudged_at",
        "planned",
        "poll",
        "poll_again",
        "progress",
        "rate",
        "refused",
        "rests",
        "rules",
        "share",
        "since",
        "start",
        "stream",
        "timer",
        "took",
    )

    def __init__(
        self, future: StatusFuture, rules: Rules, began: float, start: Start = AT_ONCE
    ) -> None:
        limit = rules.max_wait_time
        self.future = future
        self.rules = rules
        self.began = began
        self.deadline = None if limit is None else began + limit
        self.closes_at = self.deadline  # when it ends if nothing has ended it before
        self.start = start
        self.rests = start.rests
        self.is_known = False  # whether the scheduler has taken it in
        self.is_hurried = False  # poll_now() was called, and the scheduler is to hear of it
        self.timer: Timer | None = None  # of its next poll
        self.end_timer: Timer | None = None  # of its deadline
        self.poll: Poll | None = None
        self.poll_again = False  # poll_now() was called while a poll was under way
        self.is_nudged = False  # whether one more poll is to come that costs no attempt
        self.nudged_at = -math.inf  # when the latest such poll started
        self.planned: float | None = None  # when the next poll is due that costs one
        self.alone = False  # its job is asked for by itself next
        self.free = False  # the next poll goes with the one before, and costs no attempt
        self.early_from = 0.0  # from when on its job may be asked for with others
        self.job_end: StatusReport | None = None  # the end of the job, of which more is to be read
        self.job_end_at = 0.0  # when that was told first
        # The pace's: polls a second, by the latest word of the strategy, and requests that each of
        # them takes, by how the job was asked for last.
        self.rate = 0.0
        self.share = 0.0
        self.refused: int | None = None  # the pace's note of a bare 503, if that came last
        self.since = 0.0  # when the latest poll came due
        self.asked = began  # when it started
        self.took = 0.0  # seconds from then until it was answered, in the queue and on the wire
        # What its answers have said of its progress: seconds since the submit, and a number from 0
        # to 1; the latest ones.
        self.progress: tuple[tuple[float, float], ...] = ()
        self.stream: Stream | None = None  # its events, where somebody listens


class Poll:
    """A poll that was handed to a worker: of one job, or of several in one request."""

    __slots__ = ("began", "exchange", "thread", "waits")

    def __init__(self, began: float) -> None:
        self.waits: list[Wait] = []
        self.began = began
        self.exchange = Exchange()
        self.thread: threading.Thread | None = None

    def begin(self) -> list[Wait]:
        """Counts the poll for the waits that have not ended since; returns these."""
        self.thread = threading.current_thread()
        waits = [wait for wait in self.waits if not wait.future.ends]
        for wait in waits:
            wait.future.attempts += not wait.free
            wait.free = False
        return waits

    def is_needed(self) -> bool:
        """Says whether one of its waits has not ended."""
        return any(not wait.future.ends for wait in self.waits)

    def add(self, wait: Wait) -> None:
        """Has it ask for the job of one more wait."""
        self.waits.append(wait)
        wait.poll, wait.asked = self, self.began
        if wait.is_nudged:
            wait.is_nudged, wait.free, wait.nudged_at = False, True, self.began
