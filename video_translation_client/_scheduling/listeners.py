"""The seam: every start, answer and end passes here, to whoever listens.

The log lines of the library and a strategy that learns are listeners like those of the user. Where
nobody listens, no event is made.
"""

from __future__ import annotations

import logging
import threading
from typing import Callable, Sequence

from .._base.arguments import ArgumentError
from .._base.callbacks import call
from .._base.log import log, logger
from .._base.text import quote
from .._http.poller import Outcome
from ..errors import PollError, VideoTranslationError, name_job
from ..events import Ended, Event, Listener, Paced, Polled, Submitted
from ..status import Status
from .waits import Wait

# Polls without an answer, from the first on, of which a person is to hear.
_SILENT_POLLS = 3


class Stream:
    """The events of one job, or of the pace of all, that are still to be told, in order."""

    __slots__ = ("events", "is_over", "telling")

    def __init__(self) -> None:
        self.events: list[Event] = []  # few at a time; an empty deque is ten times as large
        self.is_over = False  # once the end was told: what a poll tells after it comes too late
        self.telling = threading.Lock()  # whoever holds it tells all that is there


class Listeners:
    """Tells the events of one client; safe for use from many threads.

    Args:
        listeners: Hear of everything.
        learner: Hears of ends alone: a strategy's ``ended``.

    Attributes:
        logs: Whether what happens is logged; not where a listener tells somebody who does.
    """

    def __init__(self, listeners: Sequence[Listener], learner: Callable[[Ended], object] | None):
        self._listeners = tuple(listeners)
        self._learner = learner
        self.logs = True
        self._faults: dict[str, object] = {}  # what was told of, and by whom

    def stream(self) -> Stream | None:
        """Returns what keeps the events of the pace in order; None: nobody listens."""
        return Stream() if self._listeners else None

    def wants_poll(self, outcome: Outcome) -> bool:
        """Says whether a poll interests anybody; one that has failed may be worth a warning."""
        if self._listeners:
            return True
        failed = isinstance(outcome.result, BaseException)
        return logger.isEnabledFor(logging.WARNING if failed else logging.DEBUG)

    def begin(self, wait: Wait) -> Stream | None:
        """Returns what keeps the events of a wait in order, from its start; None: nobody listens.

        A check is no wait: of its polls alone is told.
        """
        if not self._listeners:
            return None
        stream = Stream()
        if not wait.rules.is_check:  # told with the next event, by a worker
            stream.events.append(Submitted(wait.future.job_id, wait.rules.service))
        return stream

    def wants_end(self, wait: Wait, end: Ended) -> bool:
        """Says whether the end of a wait interests anybody."""
        if wait.rules.is_check:
            return False
        interested = self._learner is not None or bool(self._listeners)
        return interested or logger.isEnabledFor(_level_of_end(end))

    def tell(self, stream: Stream | None, event: Polled | Ended | Paced) -> None:
        """Tells of one event; those of one stream in order, and never two at a time."""
        if self.logs:
            _log(event)
        if isinstance(event, Ended) and self._learner is not None:
            call(self._learner, event, event.job_id)
        if stream is None or not self._listeners:
            return
        stream.events.append(event)
        # Who finds it taken leaves the event to who tells those before it.
        while stream.events and stream.telling.acquire(blocking=False):
            try:
                self._drain(stream)
            finally:
                stream.telling.release()

    def tell_fault(self, what: str, instead: str, error: BaseException) -> None:
        """Logs the first fault of a strategy of this kind: a mistake is likely in every poll.

        Args:
            what: What of it has failed.
            instead: What is done instead.
            error: What it raised, or what is wrong with what it returned.
        """
        mine = object()
        if self._faults.setdefault(what, mine) is mine:  # a single step: one thread is the first
            did = (
                str(error)
                if isinstance(error, ArgumentError)
                else f"{what} raised {type(error).__name__}"
            )
            more = "further faults of it are not logged"
            log(logging.ERROR, "%s; %s; %s", did, instead, more, error=error)

    def _drain(self, stream: Stream) -> None:
        while stream.events:
            event = stream.events.pop(0)
            if stream.is_over:
                continue
            stream.is_over = isinstance(event, Ended)
            for listener in self._listeners:
                call(listener, event, getattr(event, "job_id", None))


def _log(event: Polled | Ended | Paced) -> None:
    if isinstance(event, Polled):
        _log_poll(event)
    elif isinstance(event, Ended):
        _log_end(event)
    else:
        _log_pace(event)


def _log_poll(event: Polled) -> None:
    seconds = event.next_poll
    then = "no further poll" if seconds is None else f"next poll in {seconds:.2f} s"
    if isinstance(event.error, PollError):
        if event.silent and event.attempt == _SILENT_POLLS:
            log(logging.WARNING, "%s; %s; %s", event.error, then, _limits_in(event))
        else:
            log(logging.INFO, "%s; %s", event.error, then)
    elif event.error is None and event.status in (None, Status.PENDING):
        state = "nothing new" if event.report is None else quote(event.report.state)
        log(logging.DEBUG, "%s: %s; %s", name_job(event.job_id), state, then)


def _limits_in(event: Polled) -> str:
    limits = []
    if event.max_wait_time is not None:
        limits.append(f"{event.max_wait_time:g} s")
    if event.max_attempts is not None:
        limits.append(f"{event.max_attempts} polls")
    ends = f"ends after {' or '.join(limits)}" if limits else "has no limit"
    return f"no poll was answered so far, and the wait {ends}"


def _log_pace(event: Paced) -> None:
    level = logging.DEBUG if event.pause is None else logging.INFO
    log(level, "service %r: %s", event.service, event.why)


def _level_of_end(end: Ended) -> int:
    levels = {Status.REJECTED: logging.WARNING, Status.TIMEOUT: logging.INFO}
    if end.error is not None and not isinstance(end.error, VideoTranslationError):
        return logging.ERROR  # of the user's own code
    if end.status is Status.TIMEOUT and end.report is None and 0 < end.attempts < _SILENT_POLLS:
        return logging.WARNING  # nothing has told of it before
    return levels.get(end.status, logging.DEBUG)


def _log_end(end: Ended) -> None:
    level, name = _level_of_end(end), name_job(end.job_id)
    if level == logging.ERROR:
        log(level, "%s: %s; the wait ends", name, end.reason, error=end.error)
    elif end.status is Status.REJECTED:
        log(level, "%s; the wait ends", end.error)
    elif end.status is Status.TIMEOUT:
        failure = end.last_error.reason if end.report is None and end.last_error else None
        log(level, "%s: %s", name, "; ".join(filter(None, (end.reason, failure, end.advice))))
    elif end.report is not None:
        log(level, "%s: %s", name, quote(end.report.state))
