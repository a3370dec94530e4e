"""The threads of one client: a dispatcher, workers, and the inbox through which others reach them.

    submit, cancel, poll_now, shutdown      any thread, at any moment; no lock
        |  post bookkeeping
        v
      inbox ---> bookkeeping under the lock, by whichever of these takes it next:
                   |                                       |
             dispatcher thread                        worker threads
               waits for the inbox or                run tasks: polls, callbacks;
               for what no worker will do;           then take the next due one
               hands due tasks to      ----------->  themselves
               more workers, if that pays

Who holds the lock works the inbox off first, and does bookkeeping alone: no code of a user runs
and no I/O happens under it. What the garbage collector runs under it all the same, or a signal
handler in the middle of anything, gets no further than the inbox. The handlers of fork and exit
take the lock as well; nobody else does.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import queue
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable

from .._base.log import log
from ..clock import GLANCE, Clock
from .concurrency import Concurrency
from .plan import Plan, Task
from .workers import LAST_MOMENTS, THREAD_NAME, NoThreadError

if TYPE_CHECKING:
    from ..clock import Wakeups

    Bookkeeping = Callable[[Any, float], None]

# Seconds after which it is tried again to start the first worker.
_RETRY = 0.25

# Of so many tasks, it is measured of one how long it keeps a core busy.
_SAMPLED = 16


class Threads:
    """Runs one plan. Every method may be called from any thread.

    Args:
        plan: What to do.
        max_concurrency: The most polls under way at once.
        clock: The time, and how to wait for it.

    Attributes:
        lock: Protects the plan. Taken by threads of the library and by the handlers of fork and
            exit alone.
        is_over: Whether the dispatcher takes nothing more.
    """

    def __init__(self, plan: Plan, max_concurrency: int, clock: Clock) -> None:
        self.lock = threading.Lock()
        self.is_over = False
        self._plan = plan
        self._max_concurrency = max_concurrency
        self._clock = clock
        # Two queues, as workers read the inbox, too: what wakes the dispatcher is its own.
        self._inbox: queue.SimpleQueue[tuple[Bookkeeping, object]] = queue.SimpleQueue()
        self._wakeups: Wakeups = queue.SimpleQueue()
        # One worker more than there are polls at once: when all of them hang, the callbacks of
        # futures that end at their deadline still run.
        self._workers = plan.make_workers(max_concurrency + 1)
        self._is_started = False
        self._starting_in = 0  # which thread starts the dispatcher
        self._will_dispatch = False  # whether one is surely about to
        self._dispatcher: threading.Thread | None = None
        self._has_ended = False  # the dispatcher, and with it all that others may wait for
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ticket = threading.Lock()  # whichever thread gets it is the dispatcher
        self._turns = itertools.count()  # of workers
        self._outbox: deque[Task] = deque()  # the dispatcher's: taken, and not with a worker yet
        self._is_short = False  # likewise: whether there is no worker to be had
        # Under the lock:
        self._calls: deque[Task] = deque()
        self._in_flight = 0  # polls and calls
        self._concurrency = Concurrency()
        self._wakes_at = math.inf  # until when the dispatcher waits

    # For any thread, at any moment; no lock

    def start(self) -> None:
        """Starts the dispatcher, unless it runs.

        Raises:
            RuntimeError: The operating system gives no thread.
        """
        here = threading.get_ident()
        # A signal handler that interrupts this leaves it alone: Thread.start() is not reentrant.
        if self._dispatcher is not None or self._will_dispatch or self._starting_in == here:
            return
        run = partial(self._workers.run_as_own, self._run)
        thread = threading.Thread(target=run, name=f"{THREAD_NAME}-dispatcher", daemon=True)
        self._is_started, self._starting_in = True, here
        try:
            thread.start()  # of several at once, all but one end at once
            self._will_dispatch = True
        except RuntimeError:
            if self._dispatcher is None:  # pragma: no branch - or else another one was faster
                self._is_started = False
                raise
        finally:
            self._starting_in = 0

    def post(self, bookkeeping: Bookkeeping, subject: object) -> None:
        """Has ``bookkeeping(subject, now)`` run under the lock, soon."""
        self.note(bookkeeping, subject)
        if self._is_started:
            self._clock.wake(self._wakeups)

    def note(self, bookkeeping: Bookkeeping, subject: object) -> None:
        """Does as ``post``, for a thread of the library, which looks itself before it rests."""
        self._inbox.put((bookkeeping, subject))

    def call(self, function: Callable[[], None]) -> None:
        """Runs user code here, or on a worker where here is a thread of the library."""
        if self._workers.is_own():
            self.post(self.add_call, function)
        else:
            self.run_as_own(function)

    def run_as_own(self, function: Callable[[], None]) -> None:
        """Runs user code here; in it, ``join`` does not block."""
        self._workers.run_as_own(function)

    def join(self, timeout: float | None = None) -> None:
        """Waits until all threads have ended; with a timeout, for the dispatcher alone.

        In user code on threads of the library, where that would never be, it does not.
        """
        if not self._is_started:
            self._release()
        elif not self._workers.is_own():
            # A Thread.join that Ctrl-C has interrupted may make the next one wait for ever, on
            # Python before 3.9 (bpo-45274), so a thread is joined only when it is about to end.
            with contextlib.suppress(RuntimeError):
                self.start()  # where Ctrl-C has kept it from that
            while self._is_started and not self._has_ended:
                with contextlib.suppress(queue.Empty):
                    self._ended.get(timeout=GLANCE if timeout is None else timeout)
                if timeout is not None:
                    break
            if self._dispatcher is not None and self._has_ended:
                self._dispatcher.join(LAST_MOMENTS)
                self._workers.join()

    def catch_up(self) -> None:
        """Does the bookkeeping that was posted; for the handler of the exit and the dispatcher."""
        with self.lock:
            self.read_inbox(self._clock.monotonic())
            follow_ups = self._plan.take_follow_ups()
        while follow_ups:
            follow_ups.popleft()()

    def release(self) -> None:
        """Lets go of everything if no thread was ever started; otherwise the last one does."""
        if not self._is_started:
            self._release()

    def have_ended(self) -> bool:
        """Says whether there is none any more, or none yet."""
        return self._has_ended or not self._is_started

    def busy(self) -> list[threading.Thread]:
        """Returns the workers that run something."""
        return self._workers.busy()

    def leave(self, threads: Iterable[threading.Thread]) -> None:
        """Keeps the end of the interpreter from waiting for some of the workers."""
        self._workers.leave(threads)

    # Under the lock

    def add_call(self, function: Callable[[], None], now: float) -> None:
        """Has user code run on a worker."""
        self.add_task(partial(_run, function), now)

    def add_task(self, task: Task, now: float) -> None:
        """Has a task run on a worker as soon as one is free."""
        self._calls.append(task)

    def read_inbox(self, now: float) -> None:
        """Does the bookkeeping that was posted by now; more may come as fast as it is done."""
        for _ in range(self._inbox.qsize()):
            bookkeeping, subject = self._inbox.get()
            bookkeeping(subject, now)

    def _next_task(self, now: float) -> Task | None:
        """Takes what is to be done now, if there may be one more at it."""
        task = None
        if self._calls and self._in_flight <= self._max_concurrency:
            task = self._calls.popleft()
        elif self._in_flight < self._max_concurrency and self._concurrency.pays(now):
            task = self._plan.next_poll(now)
            if task is not None:
                self._concurrency.begin(task, now)
        self._in_flight += task is not None
        return task

    def _next_moment(self, now: float) -> float:
        """Returns when the dispatcher has something to do that no worker will have done by then."""
        if (self._calls and self._in_flight <= self._max_concurrency) or self._is_done():
            return now
        moment = self._plan.next_moment(now, free=self._in_flight < self._max_concurrency)
        if self._concurrency.pays(now):
            return moment
        return max(moment, self._concurrency.next_look())

    def _is_done(self) -> bool:
        return not (self._in_flight or self._calls) and self._plan.is_idle()

    # On the dispatcher thread

    def _run(self) -> None:
        if self._ticket.acquire(blocking=False):  # pragma: no branch - or another one was faster
            self._dispatch()

    def _dispatch(self) -> None:
        self._dispatcher, self._is_started = threading.current_thread(), True
        error: BaseException | None = None
        try:
            while not self._turn():
                pass
        except BaseException as failure:  # noqa: BLE001 - every future gets it
            error = failure
        try:
            self.is_over = True
            # Without an error, that is for who came too late to be seen.
            self._plan.fail("the client was shut down" if error is None else str(error), error)
            self._run_rest()
        finally:
            self._release()
            self._has_ended = True
            self._ended.put(None)

    def _run_rest(self) -> None:
        """Runs here what no worker can take any more; polls find that their waits have ended."""
        tasks = deque(self._outbox)
        self.catch_up()
        while tasks or self._calls:
            tasks += self._calls
            self._calls.clear()
            self.run_as_own(partial(_run, tasks.popleft()))
            self.catch_up()

    def _turn(self) -> bool:
        """Does what is due and waits for what is next; True once nothing can follow."""
        has_worker = self._workers.has_one or self._find_worker()
        with self.lock:
            now = self._clock.monotonic()
            self.read_inbox(now)
            self._plan.take_due(now)
            task = self._next_task(now) if has_worker else None
            while task is not None:
                self._outbox.append(task)
                task = self._next_task(now)
            self._wakes_at = self._next_moment(now) if has_worker else now + _RETRY
            is_done = self._is_done()
            follow_ups = self._plan.take_follow_ups()
        while follow_ups:  # no name here keeps a future that has ended
            follow_ups.popleft()()
        while self._outbox:
            self._workers.start(partial(self._work, self._outbox[0]))
            self._outbox.popleft()
        while not is_done and self._inbox.empty():
            # Workers that have made the next moment an earlier one wake it, to look again.
            with self.lock:
                left, in_flight = self._wakes_at - self._clock.monotonic(), self._in_flight
            if left <= 0:
                break
            self._clock.wait(self._wakeups, left, in_flight)
        return is_done

    def _find_worker(self) -> bool:
        """Sees to it that work that is taken is done; False while there is no thread for it."""
        try:
            self._workers.start_one()
        except NoThreadError as error:
            if not self._is_short:
                log(logging.WARNING, "%s; trying again every %g s", error, _RETRY)
            self._is_short = True
            return False
        self._is_short = False
        return True

    def _release(self) -> None:
        self._clock.leave(self._wakeups)
        self._workers.shutdown()
        self._plan.close()

    # On a worker thread

    def _work(self, task: Task | None) -> None:
        """Runs a task, and then those that are due by then."""
        while task is not None:
            # To ask the system each time would cost as much as much else of a poll.
            is_sample = next(self._turns) % _SAMPLED == 0
            before = self._clock.thread_time() if is_sample else 0.0
            try:
                decided = task()
            except BaseException:
                self._finish(task, None, None, takes_next=False)
                raise
            work = self._clock.thread_time() - before if is_sample else None
            task = self._finish(task, work, decided, takes_next=True)

    def _finish(
        self, ended: Task, work: float | None, decided: Any, *, takes_next: bool
    ) -> Task | None:
        """Takes note of what a task has returned, and returns what is to be done next."""
        with self.lock:
            self._in_flight -= 1
            now = self._clock.monotonic()
            self._concurrency.end(ended, now, work)
            self.read_inbox(now)
            if decided:
                self._plan.apply(decided, now)
            self._plan.take_due(now)
            task = self._next_task(now) if takes_next else None
            before, self._wakes_at = self._wakes_at, self._next_moment(now)
            is_early = self._wakes_at < before
            follow_ups = self._plan.take_follow_ups()
        while follow_ups:  # no name here keeps a future that has ended
            follow_ups.popleft()()
        if is_early or not self._inbox.empty():  # this thread may not look for long
            self._clock.wake(self._wakeups)
        else:
            self._clock.rest(self._wakeups)
        return task


def _run(task: Task) -> None:
    task()
