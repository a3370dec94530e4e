"""Ctrl-C and SIGTERM end a watch, which then tells how to keep waiting."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Iterator

from ..clock import Clock
from .exit_status import ExitStatus

if TYPE_CHECKING:
    from .board import Board
    from .following import Events

# The signals that end a watch, and what the process then tells its caller.
_SIGNALS = {signal.SIGINT: ExitStatus.INTERRUPTED, signal.SIGTERM: ExitStatus.TERMINATED}

# Seconds in which a signal that comes again is still the same one: timeout(1) sends it to its
# child, and once more to the group of it.
_SAME = 0.2


@contextlib.contextmanager
def interruptible(board: Board, events: Events) -> Iterator[None]:
    """Has signals end the watch where nothing is torn; a later one ends the process."""
    clock = Clock()
    first: list[float] = []  # when, and after that the repetitions
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    is_main = threading.current_thread() is threading.main_thread()
    # Others are ignored, as in a background job, or somebody else's business.
    usual = [
        number
        for number, handler in before.items()
        if is_main and handler in (signal.SIG_DFL, signal.default_int_handler)
    ]

    def left() -> float:
        return first[0] + _SAME - clock.monotonic()

    def interrupt(number: int, _: Any) -> None:
        if first and left() <= 0:
            signal.signal(number, signal.SIG_DFL)  # pragma: no cover - nothing is saved any more
            os.kill(os.getpid(), number)  # pragma: no cover - likewise
        first.append(clock.monotonic())
        board.interrupted = _SIGNALS[signal.Signals(number)]
        events.put(_take_notice)  # can't deadlock in a signal handler, unlike an Event's set()

    for number in usual:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        if first:
            time.sleep(max(0.0, left()))
        for number in usual:
            signal.signal(number, before[number])


def _take_notice() -> None:
    """Does nothing: an event that ends the wait for events."""
