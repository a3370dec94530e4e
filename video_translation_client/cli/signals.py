"""Ctrl-C and SIGTERM end a watch, which then tells how to keep waiting."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Iterator

from .exit_status import ExitStatus

if TYPE_CHECKING:
    from .board import Board
    from .following import Events

# The signals that end a watch, and what the process then tells its caller.
_SIGNALS = {signal.SIGINT: ExitStatus.INTERRUPTED, signal.SIGTERM: ExitStatus.TERMINATED}


@contextlib.contextmanager
def interruptible(board: Board, events: Events) -> Iterator[None]:
    """Has signals end the watch where nothing is torn; a second one ends the process."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    is_main = threading.current_thread() is threading.main_thread()
    # Others are ignored, as in a background job, or somebody else's business.
    usual = [
        number
        for number, handler in before.items()
        if is_main and handler in (signal.SIG_DFL, signal.default_int_handler)
    ]

    def interrupt(number: int, _: Any) -> None:
        for each in usual:
            signal.signal(each, signal.SIG_DFL)
        board.interrupted = _SIGNALS[signal.Signals(number)]
        events.put(_take_notice)  # can't deadlock in a signal handler, unlike an Event's set()

    for number in usual:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in usual:
            signal.signal(number, before[number])


def _take_notice() -> None:
    """Does nothing: an event that ends the wait for events."""
