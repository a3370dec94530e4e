"""Takes waits in, has due ones polled, and applies what is decided. Nothing else.

What it decides by stands in decision.py, when something is due in due.py, how its threads work
together in threads.py. It speaks no HTTP.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from functools import partial
from typing import Any, Callable, Sequence

from .._http.poller import Outcome, Poller
from ..clock import Clock
from ..events import Ended
from ..future import Owner, StatusFuture
from ..status import Status
from . import process
from .asking import Asking
from .batching import Batching
from .decision import Again, Rules, decide
from .due import LATE, Due
from .listeners import Listeners
from .pace import Pace
from .plan import Plan, Task
from .registry import Registry
from .resting import Resting
from .threads import Threads
from .waits import AT_ONCE, Poll, Start, Wait

_SHUT_DOWN = "the client was shut down"


class Scheduler(Owner, Plan, Resting):
    """Polls for futures until they end. Every method may be called from any thread.

    Args:
        poller, asking, listeners, clock: What the modules of these names describe.
        service: Its name.
        max_rate, request_timeout, max_concurrency: As for the client.

    Attributes:
        threads: Those that do all this, and their lock.
    """

    def __init__(
        self,
        poller: Poller,
        asking: Asking,
        service: str,
        listeners: Listeners,
        max_rate: float | None,
        request_timeout: float,
        max_concurrency: int,
        clock: Clock,
    ) -> None:
        self.service = service
        self._poller = poller
        self._asking = asking
        self._listeners = listeners
        self._max_rate = max_rate
        self._request_timeout = request_timeout
        self._max_concurrency = max_concurrency
        self._clock = clock
        self._closed = False
        self._begin()
        # Before there is a thread: a fork may come while another one holds the lock.
        process.watch(self)

    def _begin(self) -> None:
        self.threads = Threads(self, self._max_concurrency, self._clock)
        self._cancels = False  # whether all futures are being cancelled
        # Under the lock of the threads:
        self._follow_ups: deque[Callable[[], object]] = deque()
        poller, first = self._poller, self._asking.first_interval
        self._paces = self._listeners.stream()
        self._pace = Pace(self.service, self._max_rate, first, 1 / poller.most)
        batching = Batching(poller) if poller.most > 1 else None
        self._due = Due(self._pace, batching, self._request_timeout)
        self._registry = Registry(self._due, self._pace, self._listeners)
        self._waits = self._registry.waits

    # Public calls come in here, and take no lock

    def submit(self, futures: Sequence[StatusFuture], rules: Rules, start: Start = AT_ONCE) -> None:
        """Takes over futures and has their jobs polled, together where that can be.

        Raises:
            RuntimeError: After ``shutdown``, or there is no thread to be had.
        """
        self.start()
        waits = [Wait(future, rules, future.began, start) for future in futures]
        self._waits.update(zip(futures, waits))
        self.threads.post(self._registry.adopt, waits)
        if self._cancels:  # a shutdown that came in between may not have seen it
            self.threads.post(self._cancel_rest, None)
        if self.threads.is_over:  # the last thread left between our look and our message
            for future in futures:
                self._waits.pop(future, None)
                future._conclude(future._abandonment(self.service, _SHUT_DOWN))
            raise RuntimeError("cannot schedule new futures after shutdown")

    def start(self) -> None:
        """Starts the threads, unless they run.

        Raises:
            RuntimeError: As for ``submit``.
        """
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self.threads.start()

    def poll_now(self, future: StatusFuture) -> None:
        """Makes the wait ready, or has another poll follow the one under way."""
        wait = self._waits.get(future)
        if wait is not None and not wait.is_hurried:  # once is enough, however often it is called
            wait.is_hurried = True
            self.threads.post(self._registry.poll_now, wait)

    def nudge(self, job_id: str | None) -> None:
        """Has a job asked for as soon as may be, if it is waited for, at no cost to its waits."""
        if self._registry.knows(job_id):
            self.threads.post(self._registry.nudge, job_id)

    def forget(self, future: StatusFuture, end: Ended) -> None:
        """Has a future end so, unless it has ended, and drops all that is known of its wait."""
        self.threads.post(self._take_end, (future, end))

    def leave(self, future: StatusFuture) -> None:
        """Ends a future that nobody can have any more, unless it is done."""
        future.cancel()

    def abort(self, future: StatusFuture) -> None:
        """Aborts the request under way for a future, unless another one needs it."""
        wait = self._waits.get(future)
        poll = None if wait is None else wait.poll
        if poll is not None and not poll.is_needed():
            poll.exchange.abort()

    def estimate(self, future: StatusFuture) -> tuple[float, float, float] | None:
        """Returns when a future's job is likely to end; None: nobody knows, or it has ended."""
        wait = self._waits.get(future)
        return None if wait is None else self._asking.estimate(wait)

    def call(self, function: Callable[[], None]) -> None:
        """Runs user code here, or on a worker where here is a thread of the library."""
        self.threads.call(function)

    def call_later(self, function: Callable[[], None]) -> None:
        """Runs user code on a worker."""
        self.threads.post(self.threads.add_call, function)

    def log_nothing(self) -> None:
        """Leaves it to a listener to tell what happens."""
        self._listeners.logs = False

    def keep_to(self, max_rate: float | None, pause: float) -> None:
        """Keeps the pace to what others say who ask the same service.

        Args:
            max_rate: Requests a second from now on, above 0, or None for no limit.
            pause: Seconds for which no request starts, 0 or more.
        """
        self.threads.post(self._keep_to, (max_rate, pause))

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        """As ``VideoTranslationClient.shutdown``."""
        self.abandon()
        if cancel_futures:
            try:
                self._cancels = True
                for future in list(self._waits):
                    future.cancel()
            finally:  # an interruption leaves the rest to the dispatcher
                self.threads.post(self._cancel_rest, None)
        (self.threads.join if wait else self.threads.release)()

    def abandon(self) -> None:
        """Takes no more futures."""
        self._closed = True  # and each time, as an interruption may have lost the message:
        self.threads.post(self._registry.adopt_missed, None)

    # What the handlers of exit and fork do

    def end(self, why: str) -> None:
        """Ends every future with an error, and aborts what is under way: the process ends."""
        self.fail(why, None)
        self.threads.post(self._registry.adopt_missed, None)

    def polling(self) -> list[threading.Thread]:
        """Returns the threads that make requests now."""
        with self.threads.lock:
            return [poll.thread for poll in self._due.polls if poll.thread is not None]

    def after_fork_in_child(self, why: str) -> None:
        """Begins anew in a forked child, which has the futures of its parent, but no thread."""
        futures = list(self._waits)
        self._begin()
        self._poller.after_fork()
        for future in futures:
            future._disown(future._abandonment(self.service, why))

    # What the threads do without the lock

    def _poll(self, poll: Poll) -> Any:
        """Makes one exchange; returns how those of its waits continue that do."""
        try:
            return self._exchange(poll)
        except BaseException as error:
            for wait in poll.waits:  # no wait may hang on a defect, such as that of a clock
                end = wait.future._abandonment(self.service, type(error).__name__, error)
                if self._conclude(wait, end):
                    self.call_later(partial(self._tell_end, wait, end))
            raise

    def _exchange(self, poll: Poll) -> Sequence[tuple[Wait, Again]]:
        waits = poll.begin()
        outcomes = self._asking.ask([wait.future.job_id for wait in waits], poll.exchange)
        with self.threads.lock:
            now = self._clock.monotonic()
            self._due.end_poll(poll)
            self._learn(poll, waits, outcomes, now)
            changes, self._pace.changes = self._pace.changes, []
        for change in changes:
            self._listeners.tell(self._paces, change)
        decided: list[tuple[Wait, Again]] = []
        for wait, outcome in zip(waits, outcomes):
            if len(waits) > 1 and (wait.stream or wait.future._has_callbacks):
                # One that blocks must not hold up the other jobs of the poll.
                settle = partial(self._settle, wait, outcome, now)
                self.threads.post(self.threads.add_task, settle)
            else:
                decided += self._settle(wait, outcome, now)
        return decided

    def _settle(self, wait: Wait, outcome: Outcome, now: float) -> Sequence[tuple[Wait, Again]]:
        """Ends the future, or returns how its wait continues."""
        wait.took = now - wait.since
        if wait.future.ends:
            return ()  # it was cancelled, or its deadline came, while the poll was under way
        decision = self._asking.decide(wait, outcome, self._pace.paused_until)
        if isinstance(decision, Again):
            return ((wait, decision),)
        if self._conclude(wait, decision):
            self._tell_end(wait, decision)
        return ()

    def _conclude(self, wait: Wait, end: Ended) -> bool:
        """Ends a future; says whether somebody is to be told of it."""
        if not wait.future._conclude(end):
            return False
        self.threads.note(self._drop, wait.future)
        return wait.future._has_callbacks or self._listeners.wants_end(wait, end)

    def _tell_end(self, wait: Wait, end: Ended) -> None:
        self._listeners.tell(wait.stream, end)
        wait.future._run_callbacks()

    def _expire(self, wait: Wait) -> None:
        """Ends a wait at its deadline."""
        now = self._clock.monotonic()
        end = decide(wait, None, None, now, self._pace.paused_until - now)
        if self._conclude(wait, end):  # on a worker, as this thread has other work
            self.call_later(partial(self._tell_end, wait, end))

    def fail(self, why: str, error: BaseException | None) -> None:
        """Ends every future with an error."""
        self._closed = self._cancels = True
        self.threads.catch_up()
        for wait in list(self._waits.values()):
            end = wait.future._abandonment(self.service, why, error)
            if self._conclude(wait, end):
                self.threads.run_as_own(partial(self._tell_end, wait, end))
        self.threads.catch_up()

    def close(self) -> None:
        """Lets go of the connections."""
        self._poller.close()

    # What they do under the lock

    def take_due(self, now: float) -> None:
        """Makes ready what is due, and has ended what is over."""
        expired, overdue = self._due.take(now)
        self._follow_ups += [partial(self._expire, wait) for wait in expired]
        self._follow_ups += [poll.exchange.abort for poll in overdue]

    def take_follow_ups(self) -> deque[Callable[[], object]]:
        """Takes what the bookkeeping has left to be done without the lock."""
        follow_ups, self._follow_ups = self._follow_ups, deque()
        return follow_ups

    def next_poll(self, now: float) -> Task | None:
        """Takes a poll that is to start now."""
        poll = None if self._cancels else self._due.start_poll(now)
        return None if poll is None else partial(self._poll, poll)

    def next_moment(self, now: float, *, free: bool) -> float:
        """Returns when something is due next: nothing where all futures are being cancelled."""
        return math.inf if self._cancels else self._due.next_moment(now, free=free)

    def is_idle(self) -> bool:
        """Says whether nothing will be due any more."""
        return self._closed and not self._waits

    def apply(self, decided: Sequence[tuple[Wait, Again]], now: float) -> None:
        """Has waits continue as was decided."""
        for wait, again in decided:
            wait.poll = None
            if wait.is_known:
                self._registry.continue_with(wait, again, now)

    def _learn(self, poll: Poll, waits: list[Wait], told: Sequence[Outcome], now: float) -> None:
        """Lets the pace of all requests follow from how one was answered."""
        paused_until = self._pace.paused_until
        self._pace.learn(waits, told, poll.exchange.requests, poll.began, now)
        if self._pace.paused_until > paused_until:
            self._due.apply_pause(now)
        if now - poll.began > LATE:
            self._due.relieve(now)

    def _keep_to(self, max_rate_and_pause: tuple[float | None, float], now: float) -> None:
        max_rate, pause = max_rate_and_pause
        self._pace.limit(max_rate)
        if pause > 0:
            self._pace.hold(now, pause)
            self._due.apply_pause(now)

    def _take_end(self, ending: tuple[StatusFuture, Ended], now: float) -> None:
        future, end = ending
        wait = self._waits.get(future)
        if wait is None or not future._claim(end):  # pragma: no cover - another end was faster
            return
        self._registry.adopt([wait], now)
        self._drop(future, now)
        self._follow_ups.append(future._finish_cancel)
        if self._listeners.wants_end(wait, end):
            self.threads.add_call(partial(self._listeners.tell, wait.stream, end), now)

    def _cancel_rest(self, _: object, now: float) -> None:
        for future in list(self._waits):
            self._take_end((future, future._make_end(Status.CANCELLED, self.service)), now)
            self.threads.add_call(future._run_callbacks, now)

    def _drop(self, future: StatusFuture, now: float) -> None:
        poll = self._registry.drop(future)
        if poll is not None:
            self._follow_ups.append(poll.exchange.abort)
