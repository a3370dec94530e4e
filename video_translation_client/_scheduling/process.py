"""What befalls a whole process, and with it all waits: it ends, or it forks.

It knows who polls, and tells them in time. Nothing else here is global.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - whose own care for the exit must be registered before ours
import logging
import os
import sys
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING

from .._base.callbacks import running
from .._base.log import log
from ..clock import Clock

if TYPE_CHECKING:
    from typing import Callable

    from .scheduler import Scheduler
    from .threads import Threads

# Seconds in which requests under way may end before the process does.
_PARTING = 0.25

# Seconds in which callbacks that run may end after Ctrl-C.
_LAST_CALLBACKS = 1.0

_IS_FORK = "the process is a fork, and the job is waited for in its parent"

# Not a WeakSet, which can't be listed while another thread adds to it.
_schedulers: dict[weakref.ref[Scheduler], None] = {}

# Protects the list of those that are held from another thread that forks meanwhile.
_forking = threading.Lock()
_held: list[Scheduler] = []


def watch(scheduler: Scheduler) -> None:
    """Tells a scheduler from now on when the process ends or forks."""
    _schedulers[weakref.ref(scheduler, _forget)] = None


def _forget(reference: weakref.ref[Scheduler]) -> None:
    _schedulers.pop(reference, None)


def _living() -> list[Scheduler]:
    known = [reference() for reference in list(_schedulers)]
    return [scheduler for scheduler in known if scheduler is not None]


def end() -> None:
    """Ends all waits, as the interpreter exits; a second time, nothing happens."""
    schedulers, clock = _living(), Clock()
    for scheduler in schedulers:
        scheduler.end("the interpreter exits")
    began = clock.monotonic()

    def left(seconds: float) -> float:
        return max(0.0, began + seconds - clock.monotonic())

    for scheduler in schedulers:
        scheduler.threads.join(left(_PARTING))
        scheduler.threads.leave(scheduler.polling())
    # Ctrl-C ends what it can. Otherwise concurrent.futures waits for callbacks, as for all that
    # runs on its threads.
    if issubclass(getattr(sys, "last_type", None) or object, KeyboardInterrupt):
        for scheduler in schedulers:
            _leave_callbacks(scheduler.threads, partial(left, _LAST_CALLBACKS))


def _leave_callbacks(threads: Threads, seconds_left: Callable[[], float]) -> None:
    """Waits a little for the user's code that runs, and says what is left."""
    stuck = threads.busy()
    for thread in stuck:
        thread.join(seconds_left())
        if thread.is_alive():
            code = running(thread) or "code of yours"
            log(logging.WARNING, "%s still runs, and is not waited for after Ctrl-C", code)
    threads.leave(stuck)


def _before_fork() -> None:
    _forking.acquire()
    _held.extend(_living())
    for scheduler in _held:
        scheduler.threads.lock.acquire()  # so that no thread is in the midst of bookkeeping


def _in_parent() -> None:
    while _held:
        _held.pop().threads.lock.release()
    _forking.release()


def _in_child() -> None:
    while _held:
        _held.pop().after_fork_in_child(_IS_FORK)
    _forking.release()


# Workers are joined before functions of atexit run, since Python 3.9; concurrent.futures has
# the same need and the same answer. Those registered last are called first.
getattr(threading, "_register_atexit", atexit.register)(end)

if hasattr(os, "register_at_fork"):  # pragma: no branch - elsewhere nothing forks
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
