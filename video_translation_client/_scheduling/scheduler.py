"""Takes waits in, has due ones polled, and applies what is decided. It speaks no HTTP.

    submit, cancel, poll_now, shutdown      any thread, at any moment; no lock
        |  put bookkeeping into
        v
      inbox ---> bookkeeping under the lock, by whichever of these takes it next:
                   |                                       |
             dispatcher thread                       worker threads
               waits for the inbox or               poll, decide, run callbacks;
               for the next due moment;             then take the next due poll
               hands what is due to  ------------>  themselves
               workers; ends waits at
               their deadline

Who holds the lock works the inbox off first, and does bookkeeping alone: no code of a user runs
and no I/O happens under it. What the garbage collector runs under it all the same, or a signal
handler in the middle of anything, gets no further than the inbox. The handlers of fork and exit
take the lock, too; nobody else does.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Sequence

from .._base import arguments
from .._base.callbacks import running
from .._base.log import log
from .._http.poller import Outcome, Poller
from ..clock import Clock
from ..errors import abandoned
from ..events import Ended, Polled, Submitted
from ..future import Owner, StatusFuture
from ..status import Status, StatusReport
from ..strategy import Moment, Strategy
from . import process
from .batching import Batching
from .decision import Again, Rules, decide, needs_strategy
from .due import Due
from .listeners import Listeners
from .pace import Pace
from .threads import THREAD_NAME, NoThreadError, Workers
from .waits import Poll, Wait

if TYPE_CHECKING:
    from ..clock import Inbox

    Message = tuple[Callable[[Any, float], None], object]

# Seconds after which a request is slow and a queue is late: together, the mark of an outage.
_LATE = 1.0

# Seconds after which it is tried again to start the first worker.
_RETRY = 0.25

# What a task leaves to be applied: which waits go on, and how.
Decided = Sequence["tuple[Wait, Again]"]
Task = Callable[[], Decided]


class Scheduler(Owner):
    """Polls for futures until they end. Every method may be called from any thread.

    Args:
        poller: Makes the exchanges.
        strategy: Says how many seconds to wait after each.
        chance: Draws a number from [0, 1) for the strategy.
        rules: What ends a wait.
        listeners: Hear of what happens.
        max_rate: The most requests a second, or None.
        request_timeout: Seconds after which a request is aborted.
        max_concurrency: The most workers, and exchanges under way at once.
        clock: The time, and how to wait for it.
    """

    def __init__(
        self,
        poller: Poller,
        strategy: Strategy,
        chance: Callable[[], float],
        rules: Rules,
        listeners: Listeners,
        max_rate: float | None,
        request_timeout: float,
        max_concurrency: int,
        clock: Clock,
    ) -> None:
        self.service = rules.service
        self._poller = poller
        self._strategy = strategy
        self._chance = chance
        self._rules = rules
        self._listeners = listeners
        self._max_rate = max_rate
        self._request_timeout = request_timeout
        self._max_concurrency = max_concurrency
        self._clock = clock
        first = Moment(1, 0.0, remaining=rules.max_wait_time, chance=0.0)
        self._first_interval = _seconds(strategy(first))
        self._closed = False
        self._begin()
        # Before there is a thread: a fork may come while another one holds the lock.
        process.watch(self)

    def _begin(self) -> None:
        self._inbox: Inbox = queue.SimpleQueue()
        # One worker more than there are polls at once: when all of them hang, the callbacks of
        # futures that end at their deadline still run.
        self._workers = Workers(self._max_concurrency + 1)
        self._is_begun = False
        self._is_over = False
        self._dispatcher: threading.Thread | None = None
        self._dispatches = threading.Event()
        self._ticket = threading.Lock()  # whichever thread gets it is the dispatcher
        self._outbox: deque[Task] = deque()  # the dispatcher's: taken, and not with a worker yet
        self._message: Message | None = None  # likewise: what it was woken by
        self._is_short = False  # likewise: whether there is no worker to be had
        # By all futures that have not ended. Single steps of a dict need no lock.
        self._waits: dict[StatusFuture, Wait] = {}
        self._cancels = False  # whether all futures are being cancelled
        # What ends futures leaves here what is to be done under the lock, and after it.
        self._ended: deque[StatusFuture] = deque()
        self._cancelled: deque[StatusFuture] = deque()
        self._unneeded: deque[Poll] = deque()
        # Protects what follows, and the waits themselves.
        self._lock = threading.Lock()
        batching, share = None, 1.0
        if self._poller.most > 1:
            share = 1 / self._poller.most
            batching = Batching(self._poller.together, self._poller.most, self._poller.window)
        self._pace = Pace(self.service, self._max_rate, self._first_interval, share)
        self._due = Due(self._pace, batching, self._request_timeout)
        self._calls: deque[Task] = deque()
        self._in_flight = 0
        self._wakes_at = math.inf  # until when the dispatcher waits

    # Public calls come in here, and take no lock

    def submit(self, future: StatusFuture) -> None:
        """Takes over a future and has its job polled at once.

        Raises:
            RuntimeError: After ``shutdown``, or there is no thread to be had.
        """
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._dispatcher is None:
            self._start_dispatcher()
        wait = Wait(future, self._rules, future.began)
        self._waits[future] = wait
        self._post(self._adopt, wait)
        if self._is_over:  # the last thread left between our look and our message
            self._waits.pop(future, None)
            future.conclude(self._abandon_end(future, "the client was shut down"))
            raise RuntimeError("cannot schedule new futures after shutdown")

    def poll_now(self, future: StatusFuture) -> None:
        """Makes the wait ready, or has another poll follow the one under way."""
        self._post(self._poll_now, future)

    def forget(self, future: StatusFuture, end: Ended) -> None:
        """Has a future end so, unless it has ended, and drops all that is known of its wait."""
        self._post(self._take_end, (future, end))

    def abort(self, future: StatusFuture) -> None:
        """Aborts the request under way for a future, unless another one needs it."""
        wait = self._waits.get(future)
        poll = None if wait is None else wait.poll
        if poll is not None and not _is_needed(poll):
            poll.exchange.abort()

    def call(self, function: Callable[[], None]) -> None:
        """Runs ``function`` here, or on a worker where here is a thread of the library."""
        if self._workers.is_own():
            self.call_later(function)
        else:
            self._workers.run_as_own(function)

    def call_later(self, function: Callable[[], None]) -> None:
        """Runs ``function`` on a worker."""
        self._post(self._take_call, function)

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        """Takes no more futures, and ends the threads once those it has are done.

        Args:
            wait: Block until then. From a callback, where that would never be, it does not.
            cancel_futures: Cancel those that are not done.
        """
        self.abandon()
        if cancel_futures:
            self._cancels = True
            try:
                for future in list(self._waits):
                    future.cancel()
            finally:  # an interruption leaves the rest to the dispatcher
                self._post(self._cancel_rest, None)
        if not self._is_begun:
            self._release()
        elif wait and not self._workers.is_own():
            self._dispatches.wait()
            if self._dispatcher is not None:
                self._dispatcher.join()
            self._workers.shutdown(wait=True)

    def abandon(self) -> None:
        """Takes no more futures."""
        if not self._closed:
            self._closed = True
            if self._is_begun:
                self._post(self._adopt_all, None)

    def _post(self, bookkeeping: Callable[[Any, float], None], subject: object) -> None:
        """Has ``bookkeeping(subject, now)`` run under the lock, soon."""
        self._clock.put(self._inbox, (bookkeeping, subject))

    def _start_dispatcher(self) -> None:
        thread = threading.Thread(
            target=partial(self._workers.run_as_own, self._run),
            name=f"{THREAD_NAME}-dispatcher",
            daemon=True,
        )
        self._is_begun = True
        try:
            # Of several at once, all but one end at once.
            thread.start()
        except RuntimeError:
            if self._dispatcher is None:
                self._is_begun = False
                raise

    # What the handlers of exit and fork do

    def end(self, why: str) -> None:
        """Ends every future with an error, and aborts what is under way: the process ends."""
        self._end_all(why)
        self._post(self._adopt_all, None)

    def leave_requests(self, patience: float) -> None:
        """Waits a few seconds for the threads after ``end``, and holds none against the process."""
        if self._dispatcher is not None:
            self._dispatcher.join(patience)
        with self._lock:
            stuck = [poll.thread for poll in self._due.polls if poll.thread is not None]
        self._workers.leave(stuck)

    def leave_callbacks(self, seconds_left: Callable[[], float]) -> None:
        """Waits a little for the user's code that runs after ``end``, and says what is left."""
        stuck = self._workers.busy()
        for thread in stuck:
            thread.join(seconds_left())
            if thread.is_alive():
                code = running(thread) or "code of yours"
                log(logging.WARNING, "%s still runs, and is not waited for after Ctrl-C", code)
        self._workers.leave(stuck)

    def before_fork(self) -> None:
        """Lets no thread change anything until one of the following two is called."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Lets the threads continue."""
        self._lock.release()

    def after_fork_in_child(self, why: str) -> None:
        """Begins anew in a forked child, which has the futures of its parent, but no thread."""
        futures = list(self._waits)
        self._begin()
        self._poller.after_fork()
        for future in futures:
            future.disown(self._abandon_end(future, why))

    def _end_all(self, why: str, cause: BaseException | None = None) -> None:
        self._closed = self._cancels = True
        with self._lock:
            self._read_inbox(self._clock.monotonic())
            waits = list(self._waits.values())
        self._finish_ends()
        for wait in waits:
            end = self._abandon_end(wait.future, why, cause)
            if wait.future.conclude(end):
                self._ended.append(wait.future)
                self._workers.run_as_own(partial(self._tell_end, wait, end))

    def _abandon_end(
        self, future: StatusFuture, why: str, cause: BaseException | None = None
    ) -> Ended:
        error = abandoned(future.job_id, why)
        error.__cause__ = cause
        return future.make_end(Status.ABANDONED, self.service, error)

    # On the dispatcher thread

    def _run(self) -> None:
        if not self._ticket.acquire(blocking=False):
            return
        self._dispatcher = threading.current_thread()
        self._dispatches.set()
        try:
            while not self._turn():
                pass
        except BaseException as error:  # noqa: BLE001 - every future gets it
            self._collapse(error)
        finally:
            self._is_over = True
            self._end_all("the client was shut down")  # whoever came too late to be seen
            self._release()

    def _turn(self) -> bool:
        """Does what is due and waits for what is next; True once nothing can follow."""
        has_worker = self._has_worker()
        with self._lock:
            now = self._clock.monotonic()
            self._read_inbox(now, self._message)
            self._message = None
            expired, overdue = self._due.take(now)
            task = self._next_task(now) if has_worker else None
            while task is not None:
                self._outbox.append(task)
                task = self._next_task(now)
            self._wakes_at = self._next_moment(now)
            in_flight = self._in_flight
            is_done = self._is_done()
        self._finish_ends()
        for poll in overdue:
            poll.exchange.abort()
        for wait in expired:
            self._expire(wait)
        while self._outbox:
            self._workers.start(partial(self._work, self._outbox[0]))
            self._outbox.popleft()
        # What was ended here is to be forgotten before anything else is waited for.
        if not (is_done or self._ended):
            timeout = self._wakes_at - now if has_worker else _RETRY
            self._message = self._clock.wait(self._inbox, max(0.0, timeout), in_flight)
        return is_done

    def _has_worker(self) -> bool:
        """Sees to it that work that is taken is done; False while there is no thread for it."""
        try:
            self._workers.have_one()
        except NoThreadError as error:
            if not self._is_short:
                log(logging.WARNING, "%s; trying again every %g s", error, _RETRY)
            self._is_short = True
            return False
        self._is_short = False
        return True

    def _expire(self, wait: Wait) -> None:
        """Ends a wait at its deadline, with the end that the service told if it did."""
        now = self._clock.monotonic()
        end = decide(wait, None, None, now, self._pace.paused_until - now)
        if isinstance(end, Ended):  # always; what is left to know is of what kind
            self._conclude(wait, end)

    def _collapse(self, error: BaseException) -> None:
        """Ends every future: the dispatcher can't continue, as at the interpreter's exit."""
        self._end_all(str(error), error)
        # Callbacks that no worker can take run here; polls find that their waits have ended.
        for task in [*self._outbox, *self._calls]:
            self._workers.run_as_own(partial(_run_task, task))

    def _release(self) -> None:
        self._clock.leave(self._inbox)
        self._workers.shutdown(wait=False)
        self._poller.close()

    # On a worker thread

    def _work(self, task: Task | None) -> None:
        """Runs a task, and then those that are due by then."""
        while task is not None:
            decided: Decided = ()
            try:
                decided = task()
            finally:
                with self._lock:
                    now = self._clock.monotonic()
                    self._read_inbox(now)
                    for wait, again in decided:
                        self._continue(wait, again, now)
                    self._in_flight -= 1
                    task = self._next_task(now)
                    moment = self._next_moment(now)
                    in_flight = self._in_flight
                    is_early = moment < self._wakes_at
                    self._wakes_at = min(moment, self._wakes_at)
                self._finish_ends()
                if is_early:
                    self._post(_nothing, None)
                else:
                    self._clock.rest(self._inbox, moment - now, in_flight)

    def _poll(self, poll: Poll) -> Decided:
        """Makes one exchange, and settles the waits that it serves."""
        poll.thread = threading.current_thread()
        waits = [wait for wait in poll.waits if wait.future.end is None]
        for wait in waits:
            wait.future.attempts += not wait.free
            wait.free = False
        outcomes = self._ask(poll, waits)
        with self._lock:
            now = self._clock.monotonic()
            self._due.end_poll(poll)
            self._learn(poll, waits, outcomes, now)
            changes, self._pace.changes = self._pace.changes, []
        for change in changes:
            self._listeners.tell(None, change)
        if len(waits) == 1:
            return self._settle(waits[0], outcomes[0], now)
        decided: list[tuple[Wait, Again]] = []
        for wait, outcome in zip(waits, outcomes):
            if wait.future.has_callbacks or wait.stream:
                # One that blocks must not hold up the other jobs of the poll.
                self._post(self._take_task, partial(self._settle, wait, outcome, now))
            else:
                decided += self._settle(wait, outcome, now)
        return decided

    def _ask(self, poll: Poll, waits: Sequence[Wait]) -> Sequence[Outcome]:
        if not waits:
            return []
        try:
            return self._poller.poll([wait.future.job_id for wait in waits], poll.exchange)
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like, of a session's auth
            return [Outcome(error)] * len(waits)

    def _settle(self, wait: Wait, outcome: Outcome, now: float) -> Decided:
        """Ends the future, or returns how the wait continues."""
        future, result, seconds = wait.future, outcome.result, None
        wait.took = now - wait.since
        silent = future.report is None
        if future.end is not None:
            return ()  # it was cancelled, or its deadline came, while the poll was under way
        if isinstance(result, StatusReport) and result.status is Status.PENDING:
            future.set_report(result)
        try:
            if needs_strategy(wait, outcome):
                seconds = self._ask_strategy(wait)
        except BaseException as error:  # noqa: BLE001 - the future gets it
            outcome = Outcome(error)
        now = self._clock.monotonic()
        decision = decide(wait, outcome, seconds, now, self._pace.paused_until - now)
        if self._listeners.wants_poll(outcome):
            self._tell_poll(wait, outcome, decision, silent)
        if isinstance(decision, Again):
            future.last_error = decision.failure or future.last_error
            return ((wait, decision),)
        future.last_error = decision.last_error
        if decision.report is not None and decision.report is not future.report:
            future.set_report(decision.report)
        self._conclude(wait, decision)
        return ()

    def _ask_strategy(self, wait: Wait) -> float:
        now, deadline = self._clock.monotonic(), wait.deadline
        moment = Moment(
            wait.future.attempts,
            now - wait.began,
            remaining=None if deadline is None else max(0.0, deadline - now),
            report=wait.future.report,
            chance=self._chance(),
        )
        return _seconds(self._strategy(moment))

    # On any of the library's threads, without the lock

    def _conclude(self, wait: Wait, end: Ended) -> None:
        """Ends a future, and tells of it; on the dispatcher thread, a worker tells."""
        if not wait.future.conclude(end):
            return
        self._ended.append(wait.future)
        if not (wait.future.has_callbacks or self._listeners.wants_end(end)):
            return
        if threading.current_thread() is self._dispatcher:
            self.call_later(partial(self._tell_end, wait, end))
        else:
            self._tell_end(wait, end)

    def _tell_end(self, wait: Wait, end: Ended) -> None:
        self._listeners.tell(wait.stream, end)
        wait.future.run_callbacks()

    def _tell_poll(
        self, wait: Wait, outcome: Outcome, decision: Again | Ended, silent: bool
    ) -> None:
        result = outcome.result
        report, error = (result, None) if isinstance(result, StatusReport) else (None, result)
        if isinstance(decision, Again):
            error = decision.failure
        elif error is not None:
            error = decision.error or decision.last_error
        event = Polled(
            wait.future.job_id,
            self.service,
            wait.future.attempts,
            wait.took,
            outcome.status_code,
            report,
            error,
            decision.seconds if isinstance(decision, Again) else None,
            silent,
        )
        self._listeners.tell(wait.stream, event)

    def _finish_ends(self) -> None:
        """Does after the lock what the bookkeeping has left to do."""
        while self._cancelled:
            self._cancelled.popleft().finish_cancel()
        while self._unneeded:
            self._unneeded.popleft().exchange.abort()

    # Bookkeeping under the lock

    def _read_inbox(self, now: float, message: Message | None = None) -> None:
        while message is not None or not self._inbox.empty():
            if message is not None:
                bookkeeping, subject = message
                bookkeeping(subject, now)
            message = None
            with contextlib.suppress(queue.Empty):  # the dispatcher may be faster
                message = self._inbox.get(block=False)
        while self._ended:
            self._drop(self._ended.popleft())

    def _adopt(self, wait: Wait, now: float) -> None:
        if wait.is_known:
            return
        if wait.future.end is not None:
            self._waits.pop(wait.future, None)
            return
        wait.is_known = True
        wait.stream = self._listeners.stream()
        if wait.stream is not None:  # told with the next event, by a worker
            wait.stream.events.append(Submitted(wait.future.job_id, self.service))
        self._pace.join(wait)
        self._due.add(wait, now)

    def _adopt_all(self, _: object, now: float) -> None:
        """Takes in those whose submit was interrupted, so that their end is seen to."""
        for wait in list(self._waits.values()):
            self._adopt(wait, now)

    def _poll_now(self, future: StatusFuture, now: float) -> None:
        wait = self._waits.get(future)
        if wait is None or not wait.is_known or self._due.is_ready(wait):
            return
        if wait.poll is not None:
            wait.poll_again = True
        else:
            self._due.add(wait, now)

    def _take_end(self, ending: tuple[StatusFuture, Ended], now: float) -> None:
        future, end = ending
        if future.claim(end):
            self._cancelled.append(future)
            self._drop(future)

    def _cancel_rest(self, _: object, now: float) -> None:
        for future in list(self._waits):
            if future.end is None:
                end = future.make_end(Status.CANCELLED, self.service)
                self._take_end((future, end), now)
                self._take_call(future.run_callbacks, now)

    def _take_call(self, function: Callable[[], None], now: float) -> None:
        self._calls.append(partial(_call, function))

    def _take_task(self, task: Task, now: float) -> None:
        self._calls.append(task)

    def _drop(self, future: StatusFuture) -> None:
        """Drops all that is known of a wait; no poll of it starts afterwards."""
        wait = self._waits.pop(future, None)
        if wait is None or not wait.is_known:
            return
        wait.is_known = False
        self._pace.leave(wait)
        self._due.drop(wait)
        # They would hold each other, and so the future, until the garbage collector runs.
        poll, wait.poll = wait.poll, None
        if poll is not None and not _is_needed(poll):
            self._unneeded.append(poll)

    def _continue(self, wait: Wait, again: Again, now: float) -> None:
        """Has a wait go on as was decided."""
        wait.poll = None
        if not wait.is_known:
            return
        wait.alone, wait.free = again.alone, again.free
        wait.job_end, wait.job_end_at = again.end, again.end_at
        self._pace.reckon(wait, again.interval, 1.0 if again.alone else None)
        if wait.poll_again or again.seconds <= 0:
            wait.poll_again = False
            self._due.add(wait, now)
        else:
            self._due.put_off(wait, now, again.seconds, held=again.held or again.alone)

    def _learn(
        self, poll: Poll, waits: Sequence[Wait], outcomes: Sequence[Outcome], now: float
    ) -> None:
        """Lets the pace of all requests follow from how one was answered."""
        pace, paused_until = self._pace, self._pace.paused_until
        pace.learn(waits, outcomes, poll.exchange.requests, poll.began, now)
        if pace.paused_until > paused_until:
            self._due.heed_pause(now)
        if now - poll.began > _LATE and now - self._due.oldest() > _LATE:
            pace.spread(now, "requests are slow, and those that have queued up are spread")

    def _next_task(self, now: float) -> Task | None:
        """Takes what is to be done now, if there may be one more at it."""
        if self._calls and self._in_flight <= self._max_concurrency:
            self._in_flight += 1
            return self._calls.popleft()
        if self._in_flight < self._max_concurrency and not self._cancels:
            poll = self._due.start_poll(now)
            if poll is not None:
                self._in_flight += 1
                return partial(self._poll, poll)
        return None

    def _next_moment(self, now: float) -> float:
        """Returns when the dispatcher has something to do; infinity: only what comes in."""
        if self._is_done() or (self._calls and self._in_flight <= self._max_concurrency):
            return now
        is_free = self._in_flight < self._max_concurrency and not self._cancels
        return self._due.next_moment(now, free=is_free)

    def _is_done(self) -> bool:
        return self._closed and not (self._waits or self._in_flight or self._calls)


def _is_needed(poll: Poll) -> bool:
    return any(wait.future.end is None for wait in poll.waits)


def _seconds(value: object) -> float:
    return arguments.number("the strategy's wait", value, least=0)


def _call(function: Callable[[], None]) -> Decided:
    function()
    return ()


def _run_task(task: Task) -> None:
    task()


def _nothing(_: object, now: float) -> None:
    """Only wakes the dispatcher."""
