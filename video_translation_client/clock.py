"""The clock that everything runs on: what time it is, and how to wait for it to pass.

The real clock is here; ``testing.VirtualClock`` is the other one. Nothing else in the
package reads the time or waits for it; the wall clock is read for dates in answers alone.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import time
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    Wakeups = queue.SimpleQueue[None]

GLANCE = 0.05
"""How often, in real seconds, a sleep looks whether it was given up."""


class Clock:
    """The real, monotonic clock. Stateless, so one may serve any number of threads."""

    # Libraries that fake the time for tests replace time.monotonic, and freezegun does so for
    # some threads and not for others. What a class holds they leave alone; and what
    # clock_gettime() says also when this module is imported while the time is faked.
    _read = staticmethod(
        functools.partial(time.clock_gettime, time.CLOCK_MONOTONIC)
        if hasattr(time, "clock_gettime")
        else time.monotonic  # Windows has no other
    )

    # Some systems have none.
    _read_thread: Callable[[], float] = staticmethod(getattr(time, "thread_time", float))

    def monotonic(self) -> float:
        """Returns the time in seconds, from an arbitrary start, never going backwards.

        It goes on while a library such as freezegun fakes ``time.monotonic``.
        """
        return self._read()

    def time(self) -> float:
        """Returns the seconds since the epoch, for dates that others name; it may jump."""
        return time.time()

    def thread_time(self) -> float:
        """Returns for how many seconds the calling thread has kept a core busy."""
        return self._read_thread()

    def sleep(self, seconds: float, given_up: Callable[[], bool] | None = None) -> None:
        """Blocks the calling thread for ``seconds``, or until ``given_up()`` is true."""
        end = self.monotonic() + seconds
        while not (given_up and given_up()) and end > self.monotonic():
            time.sleep(max(0.0, min(GLANCE, end - self.monotonic())))

    def wait(self, wakeups: Wakeups, timeout: float, in_flight: int) -> None:
        """Blocks until ``wake(wakeups)`` is called or ``timeout`` seconds have passed.

        Args:
            wakeups: What one thread, and only one, waits for.
            timeout: Seconds, above 0; infinity is no limit.
            in_flight: How many exchanges with the service the caller has under way. The
                real clock ignores it; a virtual one stands still while an exchange runs.
        """
        with contextlib.suppress(queue.Empty):
            wakeups.get(timeout=min(timeout, threading.TIMEOUT_MAX))
            drain(wakeups)

    def wake(self, wakeups: Wakeups) -> None:
        """Ends the present wait for ``wakeups``, or else the next; safe at any moment."""
        wakeups.put(None)

    def rest(self, wakeups: Wakeups) -> None:
        """Says that fewer exchanges are under way; the real clock has no need to know."""

    def stands_still(self) -> bool:
        """Says whether no time will pass any more by itself; on the real clock it always does."""
        return False

    def leave(self, wakeups: Wakeups) -> None:
        """Says that nobody will wait for ``wakeups`` any more."""


def drain(wakeups: Wakeups) -> None:
    """Takes out all wake-ups that are there: one look at the state of things answers them all."""
    for _ in range(wakeups.qsize()):
        wakeups.get()
