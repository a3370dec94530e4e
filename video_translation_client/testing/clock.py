"""A clock for tests: it jumps to the next due moment as soon as nothing else can happen.

Pass one and the same to the client and to the mock server. It never sleeps; only the
requests between the two take real time.
"""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from typing import TYPE_CHECKING, Callable, Iterator, NamedTuple

from .._base.arguments import number
from ..clock import GLANCE, Clock, drain

if TYPE_CHECKING:
    from ..clock import Wakeups

# The first second of 2030, when nothing has expired yet that is in use today.
_EPOCH = 1_893_456_000.0


class _Waiting(NamedTuple):
    """A party that waits: until when, and how many exchanges it has under way."""

    until: float
    in_flight: int


class _Sleep(NamedTuple):
    """A thread that sleeps: until when, and for a service, whether nobody waits for it now."""

    until: float
    given_up: Callable[[], bool] | None

    def is_over(self) -> bool:
        """Says whether it was given up, though its thread has not noticed yet."""
        return self.given_up is not None and self.given_up()

    def holds_up_an_exchange(self) -> bool:
        """Says whether a client waits for the end of it."""
        return self.given_up is not None and not self.given_up()


class VirtualClock(Clock):
    """Time that passes only when every party waits for it, and then in no time.

    Any number of clients and mock servers may share one, on any threads. Time stands still
    while a poll or a callback runs; a mock server's slow answer takes virtual seconds.

    Example:
        A job of half an hour, waited for in milliseconds::

            clock = VirtualClock()
            with MockServer(duration=1800, clock=clock) as server:
                client = VideoTranslationClient(server.url, None, 3600, clock=clock)
                assert client.get_status() == "completed"
                assert clock.monotonic() >= 1800
    """

    def __init__(self) -> None:
        # Protects everything below. Reentrant, as a finalizer may call wake() at any point.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._now = 0.0
        self._held = 0
        # None is a party that is awake.
        self._parties: dict[Wakeups, _Waiting | None] = {}
        self._sleepers: dict[threading.Event, _Sleep] = {}
        self._left: weakref.WeakSet[Wakeups] = weakref.WeakSet()

    def monotonic(self) -> float:
        """Returns the virtual seconds since the clock was made."""
        return self._now

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Holds the clock, so that several jobs are submitted at one moment.

        Within it, only ``advance`` moves the time.
        """
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                self._go_on()

    def advance(self, seconds: float) -> None:
        """Lets ``seconds`` pass, and everything happen that is due meanwhile.

        Blocks until it has. Not to be called from a callback, for which the clock waits.
        """
        with self.paused(), self._lock:
            target = self._now + number("seconds", seconds, least=0)
            while True:
                while not self._quiet():
                    self._changed.wait()
                if not self._jump(target):
                    break
            self._now = max(self._now, target)

    def time(self) -> float:
        """Returns the seconds since the epoch: it is 2030 when the clock is made."""
        return _EPOCH + self._now

    def thread_time(self) -> float:
        """Returns 0: whatever a thread does takes no time."""
        return 0.0

    def sleep(self, seconds: float, given_up: Callable[[], bool] | None = None) -> None:
        """Blocks until ``seconds`` have passed on this clock, or ``given_up()`` is true.

        A sleep that can be given up is taken for that of a service which answers late: while
        each exchange under way is held up by one of these, time passes. ``given_up`` may be
        called on any thread and must not block.
        """
        over = threading.Event()
        with self._lock:
            self._sleepers[over] = _Sleep(self._now + seconds, given_up)
            self._go_on()
        while not over.wait(GLANCE):
            if given_up is not None and given_up():
                break
        with self._lock:
            self._sleepers.pop(over, None)
            self._go_on()

    def wait(self, wakeups: Wakeups, timeout: float, in_flight: int) -> None:
        """Waits as ``Clock.wait`` does, while virtual time passes."""
        with self._lock:
            if wakeups.empty():
                self._parties[wakeups] = _Waiting(self._now + timeout, in_flight)
                self._go_on()
        wakeups.get()
        drain(wakeups)

    def wake(self, wakeups: Wakeups) -> None:
        """Ends a wait as ``Clock.wake`` does; no time passes until the next one."""
        with self._lock:
            wakeups.put(None)
            if wakeups not in self._left:
                self._parties[wakeups] = None

    def rest(self, wakeups: Wakeups) -> None:
        """Has who waits say anew for how long, and for how many exchanges time stands still."""
        self.wake(wakeups)

    def leave(self, wakeups: Wakeups) -> None:
        """Stops counting on a party that will not wait again."""
        with self._lock:
            self._left.add(wakeups)
            self._parties.pop(wakeups, None)
            self._go_on()

    def stands_still(self) -> bool:
        """Says whether nobody waits on it for any moment, and nobody holds it to move it by hand.

        While a client or server on it has something under way, it does not stand still.
        """
        with self._lock:
            return not self._held and self._quiet() and self._next_due() == math.inf

    # Under the lock

    def _quiet(self) -> bool:
        """Says whether nothing can happen but by time.

        Then no party is awake, and each exchange under way is held up in a mock server's sleep,
        of which those don't count whose client has gone.
        """
        in_flight = 0
        for party in list(self._parties.values()):
            if party is None:
                return False
            in_flight += party.in_flight
        sleeps = list(self._sleepers.values())
        return not in_flight or in_flight <= sum(sleep.holds_up_an_exchange() for sleep in sleeps)

    def _go_on(self) -> None:
        self._changed.notify_all()
        if not self._held and self._quiet():
            self._jump(math.inf)

    def _next_due(self) -> float:
        dues = [party.until for party in list(self._parties.values()) if party is not None]
        dues += [sleep.until for sleep in list(self._sleepers.values()) if not sleep.is_over()]
        return min(dues, default=math.inf)

    def _jump(self, limit: float) -> bool:
        """Moves to the next due moment up to ``limit`` and wakes whom it concerns."""
        due = self._next_due()
        if due > limit or due == math.inf:
            return False
        self._now = max(self._now, due)
        for wakeups, party in list(self._parties.items()):
            if party is not None and party.until <= self._now:
                self.wake(wakeups)
        for over, sleep in list(self._sleepers.items()):
            if sleep.until <= self._now:
                del self._sleepers[over]
                over.set()
        return True
