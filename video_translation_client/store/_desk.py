"""Where what is to be written arrives from any thread, and is written in groups by one thread.

    post, ask  any thread  -> inbox -> the desk's thread: one transaction for all that is there,
                                       then what follows from it; each second a look at others

Nobody takes a lock, so a signal handler, a finalizer or a done-callback may come here at any
moment. The trouble of the file is told once; what nobody waits for is written when it can be.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import sqlite3
import threading
import weakref
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from .._base import forks
from .._base.forks import PATIENCE, Forking
from .._base.log import log
from .._scheduling import process
from .._scheduling.workers import LAST_MOMENTS, THREAD_NAME
from ..clock import Clock
from ._file import File
from ._guests import Books, Guest, Step, Written
from ._owners import Watch, here

if TYPE_CHECKING:
    from typing import Any, Callable

LOOK = 1.0
"""Seconds between two looks at the other owners, each of which shows that those here live."""

# The most steps of one transaction: who waits for the first should not wait for all.
_MOST_STEPS = 2000

# Seconds for which others may hold the file, and while it is known to be held for long.
_AT_EASE, _IN_TROUBLE = 2.0, 0.25


class Desk(Forking):
    """Writes to one file for any number of clients; every method may be called from any thread.

    Args:
        path: An absolute path.
        lease: Seconds after which an owner that shows no life counts as dead.

    Attributes:
        trouble: Why the file can't be used now, or None.
    """

    def __init__(self, path: str, lease: float) -> None:
        self.path = path
        self._lease = lease
        self._clock = Clock()
        self._begin()
        forks.watch(self)

    def _begin(self) -> None:
        self._file = File(self.path)
        self._inbox: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        # The numbers of the clients that are there.
        self._guests: dict[weakref.ref[Guest], int | None] = {}
        self._gone: deque[int] = deque()  # the numbers of those that are there no more
        self._thread: threading.Thread | None = None
        self._starting_in = 0  # which thread starts it
        self._turn = threading.Lock()  # whichever thread has it writes
        self._using = threading.Lock()  # held while the file is used, and while the process forks
        self._is_held = False  # whether by a fork
        self._closes = False
        self._looks_at = 0.0
        # Of the desk's thread alone:
        self._unwritten: list[Step] = []
        self._watch = Watch(self._lease)
        self._has_warned = False
        self.trouble: str | None = None

    def open(self) -> None:
        """Makes the file, or brings it up to date.

        Raises:
            ValueError: It is of another kind, or belongs to another application.
            OSError: It can't be used, with the reason.
        """
        with self._using:
            try:
                self._file.connect(_AT_EASE)
                (state,) = self._file.execute("PRAGMA quick_check(1)")[0]
                if state != "ok":
                    raise sqlite3.DatabaseError(" ".join(state.split()))
                with self._file.transaction():
                    self._file.next_change()  # else, what may only be read is heard of too late
            except (sqlite3.Error, OSError) as error:
                raise OSError(f"the store {self.path!r} can't be used: {error}") from None
            finally:
                self._file.disconnect()  # so that processes may be forked before the first write

    def post(self, step: Step) -> None:
        """Has a step written soon.

        Raises:
            RuntimeError: The operating system gives no thread.
        """
        self._guests.setdefault(weakref.ref(step.guest, self._see_off), None)
        self._inbox.put(step)
        self._start()

    def wake(self, guest: Guest) -> None:
        """Has what has come together at a client written soon."""
        self._guests.setdefault(weakref.ref(guest, self._see_off), None)
        self._inbox.put(None)
        with contextlib.suppress(RuntimeError):  # there is no thread: the next one writes it
            self._start()

    def wake_late(self, guest: Guest) -> None:
        """Likewise, of a client that has left: it leaves again."""
        reference = weakref.ref(guest)
        with contextlib.suppress(RuntimeError):
            self.post(Step(guest, _bury, lambda _: self._see_off(reference)))

    def ask(
        self, guest: Guest, write: Callable[[Books], object], settle: Callable[[Any], object]
    ) -> Any:
        """Has a step written, and returns what ``settle`` has, or raises what it has.

        On the desk's own thread, where a finalizer or a handler of the log may come, it returns
        None at once, and the step is written next.
        """
        answers: queue.SimpleQueue[tuple[object, BaseException | None]] = queue.SimpleQueue()
        self.post(Step(guest, write, partial(_answer, answers, settle), is_durable=True))
        if self._thread is threading.current_thread():
            return None
        answer, error = answers.get()
        if error is not None:
            raise error
        return answer

    def look_soon(self) -> None:
        """Has others looked at with what is written next."""
        self._looks_at = 0.0

    def leave(self, guest: Guest) -> None:
        """Returns once all of a client is written, which has nothing there any more."""
        reference = weakref.ref(guest)
        if reference in self._guests:
            self.ask(guest, _bury, lambda _: self._see_off(reference))
            thread = self._thread
            if thread is not None and not self._guests:
                thread.join(LAST_MOMENTS)

    def close(self) -> None:
        """Writes what is left, at the end of the process."""
        self._closes = True
        self._inbox.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(2 * PATIENCE)

    def before_fork(self) -> bool:
        """Lets nothing be written, and no file be open, when the process forks."""
        self._is_held = self._using.acquire(timeout=PATIENCE)
        if self._is_held:  # pragma: no branch - or this is a fork by who uses the file
            self._file.disconnect()
        return True

    def after_fork(self) -> None:
        """Goes on."""
        if self._is_held:  # pragma: no branch - likewise
            self._using.release()

    def after_fork_in_child(self) -> None:
        """Begins anew; the clients that come along have nothing to wait for any more."""
        for guest in self._present():
            guest.begin_anew()
        file, is_closed = self._file, self._is_held
        self._begin()
        # What SQLite knows of an open file is not true in a child, so that one is refused.
        self._file = self._file if is_closed else file

    def _present(self) -> list[Guest]:
        present = [reference() for reference in list(self._guests)]
        return [guest for guest in present if guest is not None]

    def _see_off(self, reference: weakref.ref[Guest]) -> None:
        owner = self._guests.pop(reference, None)
        if owner is not None:
            self._gone.append(owner)
        self._inbox.put(None)

    def _start(self) -> None:
        here = threading.get_ident()
        # A signal handler that interrupts this leaves it alone: Thread.start() is not reentrant.
        if self._turn.locked() or self._starting_in == here:
            return
        thread = threading.Thread(target=self._run, name=f"{THREAD_NAME}-store", daemon=True)
        self._starting_in = here
        try:
            thread.start()  # of several at once, all but one end at once
        finally:
            self._starting_in = 0

    # On the desk's thread

    def _run(self) -> None:
        # Who finds it taken leaves the step to who has the turn, or looks again after it.
        while self._has_more() and self._turn.acquire(blocking=False):
            try:
                self._thread = threading.current_thread()
                while self._has_more():
                    self._write(self._take())
                if self._closes:
                    self._write([])
                    self._gone += filter(None, self._guests.values())
                    self._guests.clear()
                    self._write([])
                with self._using:
                    self._file.disconnect()
            finally:
                self._thread = None
                self._turn.release()

    def _has_more(self) -> bool:
        if not self._inbox.empty():
            return True
        return not self._closes and bool(self._guests or self._gone or self._unwritten)

    def _take(self) -> list[Step]:
        """Waits for steps, or until it is time for a look, and returns all that are there."""
        steps: list[Step] = []
        with contextlib.suppress(queue.Empty):
            step = self._inbox.get(timeout=max(0.0, self._looks_at - self._clock.monotonic()))
            while len(steps) < _MOST_STEPS:  # pragma: no branch - or more are there
                if step is not None:
                    steps.append(step)
                step = self._inbox.get_nowait()
        return steps

    def _write(self, asked: list[Step]) -> None:
        """Writes steps and what has come together, and looks at the others where it is time."""
        steps, self._unwritten = self._unwritten, []
        for guest in dict.fromkeys([*self._present(), *(step.guest for step in asked)]):
            steps += guest.gather()
        steps += asked
        now = self._clock.monotonic()
        looks = now >= self._looks_at
        if looks:
            self._looks_at = now + LOOK
        written = Written([None] * len(steps), [], {}, 0)
        try:
            with self._using:
                self._connect()
                self._file.be_durable(any(step.is_durable for step in steps))
                with self._file.transaction():
                    done = self._write_within(steps, looks, now)
            written, self.trouble = done, None  # not before it is committed
        except (sqlite3.OperationalError, OSError) as error:  # which may pass
            self._tell(error)
            self._unwritten = [step for step in steps if step.is_kept]
            steps = [step for step in steps if not step.is_kept]
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever for an answer
            self._tell(error)
        self._follow_up(steps, written)

    def _connect(self) -> None:
        if self._file.is_moved():  # SQLite would go on with a file that nobody finds
            self._file.disconnect()
            self._tell(FileNotFoundError("it was deleted, or replaced by another file"))
        self._file.connect(_AT_EASE if self.trouble is None else _IN_TROUBLE)

    def _follow_up(self, steps: list[Step], written: Written) -> None:
        for guest, number in written.numbers.items():
            self._guests[weakref.ref(guest, self._see_off)] = number
        for _ in range(written.gone):
            self._gone.popleft()
        for follow_up in written.follow_ups:
            follow_up()
        for step, result in zip(steps, written.results):
            step.settle(result)
        if self.trouble is not None:
            for guest in self._present():
                guest.go_alone()

    def _write_within(self, steps: list[Step], looks: bool, now: float) -> Written:
        file, change = self._file, self._file.next_change()
        gone = list(self._gone)
        for owner in gone:
            file.bury(owner, change)
        present = dict.fromkeys([*self._present(), *(step.guest for step in steps)])
        numbers = {guest: self._number_of(guest) for guest in present}
        if looks:
            others = [one for one in file.owners() if one.id not in numbers.values()]
            for owner in self._watch.dead(others, now):
                file.bury(owner, change)
        books = {guest: Books(file, change, number) for guest, number in numbers.items()}
        follow_ups = []
        for guest, number in numbers.items():
            before = self._guests.get(weakref.ref(guest))
            if before is not None and before != number:
                follow_ups.append(guest.reclaim(books[guest]))
        results = [step.write(books[step.guest]) for step in steps]
        if looks:  # only now: one client is to see what another one here has just written
            follow_ups += [guest.look(books[guest]) for guest in numbers]
        return Written(results, follow_ups, numbers, len(gone))

    def _number_of(self, guest: Guest) -> int:
        """Returns the number of a client, which shows that it lives: a new one, if it has none."""
        number = self._guests.get(weakref.ref(guest))
        if number is None or not self._file.beat(number):
            return self._file.register(*here())
        return number

    def _tell(self, error: Exception) -> None:
        self.trouble = f"the store {self.path!r} can't be used: {error}"
        if not self._has_warned:
            self._has_warned = True
            log(logging.WARNING, "%s; waits go on in memory", self.trouble)


def _bury(books: Books) -> None:
    books.file.bury(books.owner, books.change)


def _answer(
    answers: queue.SimpleQueue[tuple[object, BaseException | None]],
    settle: Callable[[Any], object],
    result: object,
) -> None:
    try:
        answers.put((settle(result), None))
    except BaseException as error:  # noqa: BLE001 - who has asked gets it
        answers.put((None, error))


def _end() -> None:
    process.end()  # where Python before 3.9 has it come later
    for desk in [one for one in forks.living() if isinstance(one, Desk)]:
        desk.close()


atexit.register(_end)
