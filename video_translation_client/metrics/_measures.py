"""What is measured of waits, whatever takes the numbers.

    polls            how many were answered or have failed, by service and outcome
    wait             seconds from a submit to the end of its wait, by service and status
    waiting          how many waits have begun and not ended, by service
    end uncertainty  seconds from the last moment at which a job was surely pending to the answer
                     that told its end, by service: how late an end may have been noticed

Labels have few values, and none is of a job: of an id, a URL or a reason, nothing is told.
"""

from __future__ import annotations

import abc
import os
import threading
from typing import TYPE_CHECKING

from ..errors import RejectedError
from ..events import Ended, Polled, Submitted

if TYPE_CHECKING:
    from ..events import Event

WAIT = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 10800.0)
"""Where histograms of waits are divided, in seconds."""

UNCERTAINTY = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Where those of how late an end was noticed are."""


# Held while numbers are given away, and by who forks. What takes them has locks of its own, and
# writes files in some modes: a child that was forked meanwhile would wait for such a lock for ever.
_giving = threading.RLock()

if hasattr(os, "register_at_fork"):  # pragma: no branch - elsewhere nothing forks
    os.register_at_fork(
        before=_giving.acquire, after_in_parent=_giving.release, after_in_child=_giving.release
    )


class Measures(abc.ABC):
    """Takes the numbers of any number of clients; a listener that may be called from any thread.

    Its methods are called one at a time.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}
        self._pid = os.getpid()

    def __call__(self, event: Event) -> None:
        """Measures what one event tells."""
        with _giving:
            if self._pid != os.getpid():  # what its parent waits for came along in a fork
                self._pid = os.getpid()
                for service, waits in self._waiting.items():
                    self._count_waiting(service, -waits)
            self._measure(event)

    def _measure(self, event: Event) -> None:
        if isinstance(event, Submitted):
            self._count_waiting(event.service, 1)
        elif isinstance(event, Polled):
            self.count_poll(event.service, _outcome_of(event))
        elif isinstance(event, Ended):
            self._count_waiting(event.service, -1)
            self.record_wait(event.service, str(event.status), event.elapsed)
            if event.ended_by is not None and event.pending_until is not None:
                self.record_uncertainty(event.service, event.ended_by - event.pending_until)

    def _count_waiting(self, service: str, change: int) -> None:
        waits = self._waiting[service] = self._waiting.get(service, 0) + change
        self.count_waiting(service, waits, change)

    @abc.abstractmethod
    def count_waiting(self, service: str, waits: int, change: int) -> None:
        """Takes how many waits go on, and how many more than before these are."""

    @abc.abstractmethod
    def count_poll(self, service: str, outcome: str) -> None:
        """Takes a poll."""

    @abc.abstractmethod
    def record_wait(self, service: str, status: str, seconds: float) -> None:
        """Takes a wait that has ended."""

    @abc.abstractmethod
    def record_uncertainty(self, service: str, seconds: float) -> None:
        """Takes how late an end may have been noticed."""


def _outcome_of(event: Polled) -> str:
    """Returns ``pending``, ``completed``, ``error``, ``rejected``, ``failed`` or ``untold``."""
    if event.status is not None:
        return str(event.status)
    if event.error is None:
        return "untold"  # an answer for many jobs has left this one out
    return "rejected" if isinstance(event.error, RejectedError) else "failed"
