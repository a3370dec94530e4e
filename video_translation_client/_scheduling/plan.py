"""What the threads of one client ask of the scheduler: what there is to do, and when."""

from __future__ import annotations

import abc
from collections import deque
from typing import Any, Callable

from .workers import Workers

Task = Callable[[], Any]
"""Runs on a worker, without the lock; what it returns is given to ``Plan.apply`` under it."""


class Plan(abc.ABC):
    """What the threads of one client do, and when; all under the lock but for the last three."""

    @abc.abstractmethod
    def take_due(self, now: float) -> None:
        """Takes note of what is due."""

    @abc.abstractmethod
    def next_poll(self, now: float) -> Task | None:
        """Takes a poll that is to start now, if there is one."""

    @abc.abstractmethod
    def next_moment(self, now: float, *, free: bool) -> float:
        """Returns when something is due next, polls included if one is ``free`` to start."""

    @abc.abstractmethod
    def is_idle(self) -> bool:
        """Says whether nothing will be due any more."""

    @abc.abstractmethod
    def apply(self, decided: Any, now: float) -> None:
        """Takes note of what a task has returned."""

    @abc.abstractmethod
    def take_follow_ups(self) -> deque[Callable[[], object]]:
        """Takes what the bookkeeping has left to be done without the lock, by this thread."""

    def make_workers(self, count: int) -> Workers:
        """Returns what runs tasks, up to ``count`` of them at once."""
        return Workers(count)

    @abc.abstractmethod
    def fail(self, why: str, error: BaseException | None) -> None:
        """Ends everything, as there is no dispatcher any more."""

    @abc.abstractmethod
    def close(self) -> None:
        """Lets go of everything, as the last thread does."""
