"""Who is asked when: any number of waits on one dispatcher thread and a few workers.

It decides moments and ends futures; it never speaks HTTP and never blocks the dispatcher
on anything but the clock.

    submit ---> ready ---------> polling ---------> future ends
                  ^   a worker      |  settle:
                  |   is free       |  still running
                  `--- waiting <----'
                  due    (a timer: the next poll)

A poll serves one wait, or as many as the service tells of in one answer; some of those are
asked a little before they are due. A wait has one live timer at most: while it waits, for its
next poll; while it is ready or polling, for its deadline, at which the dispatcher ends it
whatever its poll does. A poll has one for the end of its request's time; it is aborted then, or
when no wait needs it any more.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Callable, Sequence

from .._base.callbacks import running
from .._base.log import log
from .._base.text import quote
from .._http.poller import Outcome, Poller
from ..clock import Clock
from ..errors import PollError, ended_early, name_job, unanswered
from ..future import Owner, StatusFuture
from ..status import Status, StatusReport
from . import process
from .agenda import Agenda
from .endings import Endings
from .limits import Limits, reason_of
from .pace import Throttle
from .planner import Plan, Planner
from .waits import Poll, Wait
from .workers import THREAD_NAME, NoThreadError, Workers

if TYPE_CHECKING:
    from ..clock import Wakeups

# Seconds after which a request is slow and a queue is late: together, the mark of an outage.
_LATE = 1.0

# Seconds after which it is tried again to start the first worker.
_RETRY = 0.25

# Polls without an answer, from the first on, of which a person is to hear.
_SILENT_POLLS = 3


class Scheduler(Owner):
    """Polls for futures until they end. Every method may be called from any thread.

    Args:
        poller: Makes the exchanges.
        planner: Says how many seconds to wait after each.
        endings: Says which ends are ends.
        throttle: Says when the next request may start.
        limits: End a wait.
        request_timeout: Seconds after which a request is aborted.
        max_concurrency: The most workers, and exchanges under way at once.
        clock: The time, and how to wait for it.
    """

    def __init__(
        self,
        poller: Poller,
        planner: Planner,
        endings: Endings,
        throttle: Throttle,
        limits: Limits,
        request_timeout: float,
        max_concurrency: int,
        clock: Clock,
    ) -> None:
        self._poller = poller
        self._planner = planner
        self._endings = endings
        self._limits = limits
        self._request_timeout = request_timeout
        self._max_concurrency = max_concurrency
        self._clock = clock
        self._throttle = throttle
        self._closed = False
        self._begin()
        # Before there is a thread: a fork may come while another one holds the lock.
        process.watch(self)

    def _begin(self) -> None:
        self._wakeups: Wakeups = queue.SimpleQueue()
        # One worker more than there are polls at once: when all of them hang, the callbacks of
        # futures that end at their deadline still run.
        self._workers = Workers(self._max_concurrency + 1)
        self._dispatcher: threading.Thread | None = None
        self._outbox: deque[Callable[[], None]] = deque()  # the dispatcher's alone
        self._short = False  # likewise: whether there is no worker to be had
        # Protects everything below, the throttle and the waits. Held for bookkeeping alone.
        self._lock = threading.Lock()
        self._waits: dict[StatusFuture, Wait] = {}
        self._agenda = Agenda(self._poller, self._throttle, self._request_timeout)
        self._calls: deque[Callable[[], None]] = deque()
        self._in_flight = 0
        self._wakes_at: float | None = None  # until when the dispatcher waits; None: for ever

    def submit(self, future: StatusFuture) -> None:
        """Takes over a future and has its job polled at once.

        Raises:
            RuntimeError: After ``shutdown``.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._dispatcher is None:
                self._start()
            limit, now = self._limits.max_wait_time, self._clock.monotonic()
            deadline = None if limit is None else now - future.elapsed + limit
            wait = Wait(future, deadline, self._planner.first_rate, 1 / self._poller.most)
            self._waits[future] = wait
            self._throttle.steady_rate += wait.load
            self._agenda.add(wait, now)
            self._clock.wake(self._wakeups)

    def poll_now(self, future: StatusFuture) -> None:
        """Makes the wait ready, or has another poll follow the one under way."""
        with self._lock:
            wait = self._waits.get(future)
            if wait is None or self._agenda.is_ready(wait):
                return
            if wait.poll is not None:
                wait.again = True
                return
            self._agenda.add(wait, self._clock.monotonic())
            self._clock.wake(self._wakeups)

    def forget(self, future: StatusFuture) -> None:
        """Drops all that is known of a wait; no poll of it starts afterwards."""
        with self._lock:
            wait = self._waits.pop(future)
            self._throttle.steady_rate = (
                max(0.0, self._throttle.steady_rate - wait.load) if self._waits else 0.0
            )
            self._agenda.drop(wait)
            if self._closed and not self._waits:
                self._clock.wake(self._wakeups)
            # They would hold each other, and so the future, until the garbage collector runs.
            poll, wait.poll = wait.poll, None
            needed = poll is None or any(other.future in self._waits for other in poll.waits)
        if poll is not None and not needed:
            poll.exchange.abort()

    def call(self, function: Callable[[], None]) -> None:
        """Runs ``function`` here, or on a worker where here is the dispatcher."""
        if threading.current_thread() is self._dispatcher:
            with self._lock:
                self._calls.append(function)
        else:
            self._workers.run_as_own(function)

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        """Takes no more futures, and ends the threads once those it has are done.

        Args:
            wait: Block until then. From a callback, where that would never be, it does not.
            cancel_futures: Cancel those that are not done.
        """
        with self._lock:
            self.abandon()
            futures = self._doom() if cancel_futures else []
            dispatcher = self._dispatcher
        for future in futures:
            future.cancel()
        if dispatcher is None:
            self._release()
        elif wait and not self._workers.is_own():
            dispatcher.join()
            self._workers.shutdown(wait=True)

    def abandon(self) -> None:
        """Takes no more futures. Needs no lock: a finalizer may interrupt any code."""
        if not self._closed:
            self._closed = True
            if self._dispatcher is not None:
                self._clock.wake(self._wakeups)

    def end(self, why: str) -> None:
        """Ends every future with an error, and aborts what is under way: the process ends."""
        self._end_all(why)
        self._clock.wake(self._wakeups)

    def part(self, patience: float) -> None:
        """Waits a few seconds for the threads after ``end``, and holds none against the process."""
        if self._dispatcher is not None:
            self._dispatcher.join(patience)
        with self._lock:
            stuck = [poll.thread for poll in self._agenda.polls if poll.thread is not None]
        self._workers.let_go(stuck)

    def leave_callbacks(self, seconds_left: Callable[[], float]) -> None:
        """Waits a little for the user's code that runs after ``end``, and says what is left."""
        stuck = self._workers.busy()
        for thread in stuck:
            thread.join(seconds_left())
            if thread.is_alive():
                code = running(thread) or "code of yours"
                log(logging.WARNING, "%s still runs, and is not waited for after Ctrl-C", code)
        self._workers.let_go(stuck)

    def hold(self) -> None:
        """Lets no thread change anything until ``go_on`` or ``start_over``: a fork is ahead."""
        self._lock.acquire()

    def go_on(self) -> None:
        """Goes on after ``hold``."""
        self._lock.release()

    def start_over(self, why: str) -> None:
        """Goes on in a forked child, which has the futures of its parent, but no thread."""
        futures = list(self._waits)
        self._throttle.steady_rate = 0.0
        self._begin()
        self._poller.start_over()
        for future in futures:
            future.disown(ended_early(future.job_id, why))

    # On the dispatcher thread

    def _run(self) -> None:
        try:
            while not self._turn():
                pass
        except BaseException as error:  # noqa: BLE001 - every future gets it
            self._collapse(error)
        finally:
            self._release()

    def _turn(self) -> bool:
        """Does what is due and waits for what is next; True once nothing can follow."""
        with self._lock:
            now = self._clock.monotonic()
            expired, overdue = self._agenda.take_due(now)
            self._take_work(now)
            in_flight = self._in_flight
            free = in_flight < self._max_concurrency
            self._wakes_at = self._agenda.next_moment(now, free)
            timeout = None if self._wakes_at is None else max(0.0, self._wakes_at - now)
            done = self._closed and not (self._waits or in_flight or self._calls)
        for poll in overdue:
            poll.exchange.abort()
        for wait in expired:
            self._expire(wait)
        if not self._hand_out():
            # Nothing is under way without a worker, so a virtual clock goes on, too.
            timeout, in_flight = _RETRY if timeout is None else min(timeout, _RETRY), 0
        if not (done or expired):
            self._clock.wait(self._wakeups, timeout, in_flight)
        return done

    def _hand_out(self) -> bool:
        """Hands what is in the outbox to the workers; False while there can be none."""
        while self._outbox:
            try:
                self._workers.start(partial(self._work, self._outbox[0]))
            except NoThreadError as error:
                if not self._short:
                    log(logging.WARNING, "%s; trying again every %g s", error, _RETRY)
                self._short = True
                return False
            self._short = False
            self._outbox.popleft()
        return True

    def _take_work(self, now: float) -> None:
        """Puts as much into the outbox as there are free workers, and the throttle lets."""
        while self._calls and self._in_flight <= self._max_concurrency:
            self._outbox.append(self._calls.popleft())
            self._in_flight += 1
        while self._in_flight < self._max_concurrency:
            poll = self._agenda.take_poll(now)
            if poll is None:
                break
            self._outbox.append(partial(self._poll, poll))
            self._in_flight += 1

    def _expire(self, wait: Wait) -> None:
        """Ends a wait at its deadline, with the end that the service told if it did."""
        future, report = wait.future, wait.ended or wait.future.report
        if report is not None and report.status is not Status.PENDING:
            future.set_result(report.status, reason_of(report), untold=wait.ended)
            return
        pause = self._throttle.paused_until - self._clock.monotonic()
        hopeless = wait.poll is None and pause > 0
        limit = "retry_after" if hopeless else "max_wait_time"
        self._time_out(wait, limit, pause, under_way=wait.poll is not None)

    def _collapse(self, error: BaseException) -> None:
        """Ends every future: the dispatcher can't go on, as at the interpreter's exit."""
        self._end_all(str(error), error)
        # Callbacks that no worker can take run here; polls find that their waits have ended.
        for function in [*self._outbox, *self._calls]:
            self._workers.run_as_own(function)

    def _end_all(self, why: str, cause: BaseException | None = None) -> None:
        with self._lock:
            self._closed = True
            futures = self._doom()
        for future in futures:
            failure = ended_early(future.job_id, why)
            failure.__cause__ = cause
            future.set_exception(failure)

    def _release(self) -> None:
        self._clock.leave(self._wakeups)
        self._workers.shutdown(wait=False)
        self._poller.close()

    # On a worker thread

    def _work(self, function: Callable[[], None]) -> None:
        try:
            function()
        finally:
            with self._lock:
                self._in_flight -= 1
                self._clock.wake(self._wakeups)

    def _poll(self, poll: Poll) -> None:
        with self._lock:
            began = self._clock.monotonic()
            waits = [wait for wait in poll.waits if wait.future in self._waits]
            for wait in waits:
                wait.future.attempts += not wait.free
                wait.free = False
            poll.thread = threading.current_thread()
            over = self._agenda.begin(poll, began)
            if self._wakes_at is None or self._wakes_at > over:
                self._clock.wake(self._wakeups)
        try:
            outcomes = self._ask(poll, waits)
        finally:
            with self._lock:
                self._agenda.end(poll)
        now = self._clock.monotonic()
        self._pace(waits, outcomes, poll.exchange.requests, began, now)
        calls = []
        for wait, outcome in zip(waits, outcomes):
            wait.took = now - wait.since
            if len(waits) == 1 or not wait.future.has_callbacks:
                self._settle(wait, outcome, now)
            else:  # a callback that blocks must not hold up the other jobs of the poll
                calls.append(partial(self._settle, wait, outcome, now))
        if calls:
            with self._lock:
                self._calls.extend(calls)

    def _ask(self, poll: Poll, waits: Sequence[Wait]) -> Sequence[Outcome]:
        if not waits:
            return []
        try:
            return self._poller.poll([wait.future.job_id for wait in waits], poll.exchange)
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like, of a session's auth
            return [Outcome(error)] * len(waits)

    def _pace(
        self,
        waits: Sequence[Wait],
        outcomes: Sequence[Outcome],
        requests: int,
        began: float,
        now: float,
    ) -> None:
        """Lets the pace of all requests follow from how one was answered."""
        requests = max(1, requests)
        with self._lock:
            paused_until = self._throttle.paused_until
            self._throttle.followed(requests - 1)
            for wait in waits:
                self._reckon(wait, wait.rate, requests / len(waits))
            self._throttle.learn(waits, outcomes, began, now)
            if self._throttle.paused_until > paused_until:
                self._agenda.heed_pause(now)
            oldest = self._agenda.oldest()
            late = oldest is not None and now - oldest > _LATE
            if late and now - began > _LATE:
                self._throttle.spread(now)

    def _settle(self, wait: Wait, outcome: Outcome, now: float) -> None:
        """Ends the future or plans its next poll."""
        try:
            self._go_on_after(wait, outcome, now)
        except BaseException as error:  # noqa: BLE001 - the strategy's; the future gets it
            wait.future.set_exception(error)

    def _go_on_after(self, wait: Wait, outcome: Outcome, now: float) -> None:
        future = wait.future
        if future.done():
            return  # it was cancelled, or its deadline came, while the poll was under way
        result = self._endings.weigh(wait, outcome, now)
        if isinstance(result, StatusReport):
            if result.status is not Status.PENDING:
                if not isinstance(outcome.result, StatusReport):
                    log(logging.INFO, "%s", future.last_error)
                self._finish(future, result)
                return
            future.set_report(result)
        elif isinstance(result, PollError):
            future.last_error = result
        elif result is not None:
            log(logging.WARNING, "%s; the wait ends", result)
            future.set_exception(result)
            return
        if wait.ended is not None and outcome.alone:
            wait.free = True  # an answer for many told the end; more of it is read at once
            self._set_rate(wait, wait.rate)
            self._wait_for(wait, 0.0)
            return
        plan = self._plan(wait, outcome.retry_after or 0.0)
        _log_pending(future, result, plan)
        if plan.limit is None:
            self._wait_for(wait, plan.seconds)
        elif wait.ended is not None:
            self._finish(future, wait.ended)
        else:
            self._time_out(wait, plan.limit, plan.seconds)

    def _finish(self, future: StatusFuture, report: StatusReport) -> None:
        future.set_report(report)
        log(logging.DEBUG, "%s: %s", name_job(future.job_id), quote(report.state))
        future.set_result(report.status, reason_of(report))

    def _plan(self, wait: Wait, retry_after: float) -> Plan:
        now, paused_until = self._clock.monotonic(), self._throttle.paused_until
        plan = self._planner.plan(wait, now, retry_after, paused_until)
        wait.held = retry_after > 0
        if plan.rate is not None:
            self._set_rate(wait, plan.rate)
        return plan

    def _set_rate(self, wait: Wait, rate: float) -> None:
        with self._lock:
            self._reckon(wait, rate, 1.0 if wait.alone else wait.share)

    def _wait_for(self, wait: Wait, seconds: float) -> None:
        with self._lock:
            wait.poll = None
            if wait.future not in self._waits:
                return
            if wait.again:
                wait.again = False
                self._agenda.add(wait, self._clock.monotonic())
            else:
                wait.interval = seconds
                self._agenda.put_off(wait, self._clock.monotonic() + seconds)

    def _time_out(
        self, wait: Wait, limit: str, pause: float = 0.0, *, under_way: bool = False
    ) -> None:
        """Ends a wait whose budget is spent while the job still runs."""
        future = wait.future
        if future.report is None and future.last_error is None:
            future.last_error = unanswered(future.job_id, future.attempts, under_way=under_way)
        reason = self._limits.reason(limit, future.attempts, future.elapsed, future.report, pause)
        # A log may be slow, so the dispatcher leaves it to a worker.
        self.call(partial(log, logging.INFO, "%s: %s", name_job(future.job_id), reason))
        future.set_result(Status.TIMEOUT, reason)

    # Under the lock

    def _reckon(self, wait: Wait, rate: float, share: float) -> None:
        """Has the steady rate hold what a wait takes from now on."""
        if wait.future in self._waits:
            self._throttle.steady_rate -= wait.load
            wait.rate, wait.share = rate, share
            self._throttle.steady_rate += wait.load

    def _doom(self) -> list[StatusFuture]:
        """Returns all futures, for them to be ended; none of them is asked for any more."""
        self._agenda.drop_ready()
        return list(self._waits)

    def _start(self) -> None:
        dispatcher = threading.Thread(
            target=partial(self._workers.run_as_own, self._run),
            name=f"{THREAD_NAME}-dispatcher",
            daemon=True,
        )
        dispatcher.start()
        self._dispatcher = dispatcher


def _log_pending(future: StatusFuture, result: StatusReport | PollError | None, plan: Plan) -> None:
    then = f"next poll in {plan.seconds:.2f} s" if plan.limit is None else "no further poll"
    if isinstance(result, PollError):
        silent = future.report is None and future.attempts == _SILENT_POLLS
        log(logging.WARNING if silent else logging.INFO, "%s; %s", result, then)
    else:
        state = "nothing new" if result is None else quote(result.state)
        log(logging.DEBUG, "%s: %s; %s", name_job(future.job_id), state, then)
