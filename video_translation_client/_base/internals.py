"""Private parts of other libraries, all that we reach into, each with its reason.

Read in CPython 3.7 to 3.13. tests/test_internals.py says when one of them has changed.
"""

from __future__ import annotations

from concurrent.futures import Future, thread
from threading import Thread
from typing import Any, Iterable


def holds_condition(future: Future[Any]) -> bool:
    """Says whether the calling thread is inside a method of a future.

    A finalizer or a signal handler may have interrupted that between a look at the state and the
    wait for its change; changed from inside, the wait would miss it.
    """
    owned: bool = future._condition._is_owned()  # type: ignore[attr-defined]
    return owned


def notify_cancel(future: Future[Any], *, by_owner: bool) -> None:
    """Wakes those who wait for a future in ``wait`` and ``as_completed``, once it is cancelled.

    ``set_running_or_notify_cancel`` must be called once, and must not be interrupted while it
    tells several waiters.

    Args:
        future: It is cancelled.
        by_owner: Whether this thread, one of the library's, can't be interrupted.
    """
    parts: Any = future
    with parts._condition:
        if parts._state == "CANCELLED" and (by_owner or not parts._waiters):
            future.set_running_or_notify_cancel()
        if by_owner:  # what was interrupted may not have come as far
            parts._condition.notify_all()


def is_out_of_threads(error: RuntimeError) -> bool:
    """Says whether an executor could not start one more thread.

    It has queued the function all the same. Other reasons have the same type.
    """
    return "new thread" in str(error)


def leave_running(threads: Iterable[Thread]) -> None:
    """Keeps the end of the interpreter from waiting for threads of an executor, which are daemons.

    concurrent.futures joins all that stand here, for which there is no public way round.
    """
    joined: Any = thread._threads_queues
    for one in threads:
        joined.pop(one, None)
