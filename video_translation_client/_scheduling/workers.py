"""The threads that block: on requests, and in the user's callbacks.

A ``ThreadPoolExecutor`` that goes on where the operating system gives no more threads, and
that knows which code runs on its behalf. It decides nothing.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Callable, Iterable

from .._base.internals import do_not_join, is_thread_shortage, threads_of

THREAD_NAME = "video-translation-client"
"""What the names of the library's threads begin with."""

LAST_MOMENTS = 1.0
"""Seconds within which a thread that has nothing left to do surely ends."""


class NoThreadError(Exception):
    """There is no thread, and the operating system gives none at the moment."""


class Workers:
    """Up to ``count`` threads, started as they are needed."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=THREAD_NAME)
        self.has_one = False  # once there is a thread, it stays
        self._here = threading.local()
        self._busy: dict[threading.Thread, None] = {}

    def start_one(self) -> None:
        """Has a thread started. Only for one thread at a time, and while there is none.

        Raises:
            NoThreadError: None can be started now.
            RuntimeError: None will be any more.
        """
        self._submit(_nothing)  # what a pool without a thread is given can't be taken back
        self.has_one = True

    def start(self, function: Callable[[], None]) -> None:
        """Runs ``function`` on a thread as soon as one is free, after ``start_one``.

        Raises:
            RuntimeError: No function will run any more.
        """
        with contextlib.suppress(NoThreadError):  # it is queued for the threads there are
            self._submit(partial(self._work, function))

    def _submit(self, function: Callable[[], None]) -> None:
        try:
            self._pool.submit(function)
        except RuntimeError as error:
            if not is_thread_shortage(error):
                raise
            raise NoThreadError(f"no thread can be started ({error})") from None

    def run_as_own(self, function: Callable[[], None]) -> None:
        """Runs ``function`` on this thread, which counts as one of these meanwhile."""
        before = self.is_own()
        self._here.own = True
        try:
            function()
        finally:
            self._here.own = before

    def is_own(self) -> bool:
        """Says whether the calling code runs on behalf of these threads."""
        return getattr(self._here, "own", False)

    def shutdown(self) -> None:
        """Ends the threads once they are idle."""
        self._pool.shutdown(wait=False)

    def join(self) -> None:
        """Waits for the end of idle threads, after ``shutdown``."""
        threads = threads_of(self._pool)
        # A join that Ctrl-C interrupts may make the next one wait for ever, on Python before 3.9
        # (bpo-45274): that of the interpreter's end, which has no need to wait for these.
        do_not_join(threads)
        for thread in threads:
            thread.join(LAST_MOMENTS)

    def busy(self) -> list[threading.Thread]:
        """Returns the threads that run something."""
        return list(self._busy)

    def leave(self, threads: Iterable[threading.Thread]) -> None:
        """Keeps the end of the interpreter from waiting for some of the threads."""
        do_not_join(threads)

    def _work(self, function: Callable[[], None]) -> None:
        here = threading.current_thread()
        self._busy[here] = None
        self._here.own = True
        try:
            function()
        finally:
            del self._busy[here]


def _nothing() -> None:
    """Starts a thread."""
