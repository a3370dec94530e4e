"""A scheduler whose waits rest here, with their limits and callbacks, and are polled elsewhere."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Sequence

from .._http.poller import Outcome
from .._scheduling.scheduler import Scheduler
from .._scheduling.waits import AT_ONCE, Start
from ..errors import RejectedError
from ..status import Status, StatusReport

if TYPE_CHECKING:
    from .._scheduling.decision import Rules
    from ..events import Ended, Paced, Polled
    from ..future import StatusFuture
    from ._shards import Shards


class RemoteScheduler(Scheduler):
    """Hands waits to shards, and tells their futures what these hear.

    Args:
        shards: Where jobs are polled for.
        parts: Those of every scheduler.
    """

    def __init__(self, shards: Shards, *parts: Any) -> None:
        super().__init__(*parts)
        self._shards = shards
        shards.attach(self, self._max_rate, self._clock)

    def submit(self, futures: Sequence[StatusFuture], rules: Rules, start: Start = AT_ONCE) -> None:
        """Takes over futures, and has their jobs polled unless they are to rest.

        Raises:
            RuntimeError: After ``shutdown``, or where the cluster is gone.
        """
        super().submit(futures, rules, start._replace(rests=True))
        if not start.rests:
            self._shards.begin(futures, rules, start)

    def start(self) -> None:
        """Starts the threads, unless they run.

        Raises:
            RuntimeError: As for ``submit``.
        """
        super().start()
        self._shards.check()

    def lead(self, future: StatusFuture, seconds: float = 0.0) -> None:
        """Has a wait polled from now on, first after some seconds; for any thread."""
        wait = self._waits.get(future)
        if wait is not None:  # pragma: no branch - or it has ended meanwhile
            self._shards.begin((future,), wait.rules, Start(seconds))

    def rest(self, future: StatusFuture) -> None:
        """Has a wait polled no more, as others ask for its job; for any thread."""
        self._shards.part(future)

    def poll_now(self, future: StatusFuture) -> None:
        """Has the job of a future asked for as soon as possible."""
        self._shards.hurry(future)

    def nudge(self, job_id: str | None) -> None:
        """Has a job asked for as soon as may be, if it is waited for, at no cost to its waits."""
        if self._registry.knows(job_id):
            self._shards.nudge(job_id)

    def close(self) -> None:
        """Lets go of the connections, and of the places on the cluster."""
        super().close()
        self._shards.close()

    def after_fork_in_child(self, why: str) -> None:  # pragma: no cover - as of ``Shards``
        """Begins anew in a forked child, which has no part in the cluster."""
        super().after_fork_in_child(why)
        self._shards.after_fork_in_child()

    # For the shards, on their thread or on a worker

    def has_listeners(self, future: StatusFuture) -> bool:
        """Says whether code of the user may run when a future is told something."""
        wait = self._waits.get(future)
        return future._has_callbacks or (wait is not None and wait.stream is not None)

    def relay(self, future: StatusFuture, event: Polled, attempts: int) -> None:
        """Tells a wait what a poll on the cluster was answered.

        Args:
            future: Its; nobody else tells it anything at the same time.
            event: What happened there.
            attempts: Which poll of this wait it was.
        """
        wait = self._waits.get(future)
        if wait is None:  # pragma: no cover - it has ended meanwhile
            return
        now = self._clock.monotonic()
        wait.since = wait.asked = now - event.seconds
        wait.took = event.seconds
        future.attempts = max(future.attempts, attempts)
        future.due = None if event.next_poll is None else now + event.next_poll
        rules = wait.rules
        if self._listeners.wants_poll(Outcome(event.error)):
            own = replace(
                event,
                attempt=future.attempts,
                silent=future.report is None,
                max_attempts=rules.max_attempts,
                max_wait_time=rules.max_wait_time,
            )
            self._listeners.tell(wait.stream, own)
        result = event.error if event.report is None else event.report
        if event.next_poll is None and isinstance(result, RejectedError):
            return  # the end that follows tells it
        if not isinstance(result, StatusReport) or result.status is Status.PENDING:
            self._settle(wait, Outcome(result), now)

    def conclude_as(self, future: StatusFuture, end: Ended, attempts: int) -> None:
        """Ends a wait as that on the cluster has ended; on a worker.

        Args:
            future: As for ``relay``.
            end: How it has ended there.
            attempts: Polls of this wait.
        """
        future.attempts = max(future.attempts, attempts)
        self.conclude(future, end)

    def tell_pace(self, event: Paced) -> None:
        """Tells that the pace of a worker has changed; a pause is one of all of them."""
        if event.pause is not None:
            self.keep_to(None, event.pause)
        self.call_later(partial(self._listeners.tell, self._paces, event))

    def catch_up_soon(self) -> None:
        """Has a thread of this scheduler see to what the others have only noted."""
        self.threads.post(_nothing, None)

    def give_up(self, future: StatusFuture, why: str) -> None:
        """Ends a wait for which nobody can ask, though its job may go on."""
        wait = self._waits.get(future)
        if wait is not None:  # pragma: no branch - or it has ended meanwhile
            end = future._abandonment(self.service, why)
            if self._conclude(wait, end):
                self.call_later(partial(self._tell_end, wait, end))

    def _drop(self, future: StatusFuture, now: float) -> None:
        super()._drop(future, now)
        self._shards.part(future)


def _nothing(_: object, now: float) -> None:
    """Wakes a thread, which then looks for itself."""
