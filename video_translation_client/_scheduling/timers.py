"""A heap of moments: what is due when. Pure data, no clock and no lock of its own.

A removed entry lets go of its item at once; its place in the heap is reclaimed when such
places are more than half of it, so that neither removal nor memory depends on how far in
the future the moment lies.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import Any, Generic, List, TypeVar

Item = TypeVar("Item")

Timer = List[Any]
"""One entry of the heap: its moment, a number that tells equal moments apart, and its item, which
is None once it was removed or came due. Only for ``Timers`` to look into."""


class Timers(Generic[Item]):
    """The heap. Moments that are equal come due in the order in which they were added."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._removed = 0
        self._numbers = itertools.count()

    def add(self, when: float, item: Item) -> Timer:
        """Adds ``item`` to come due at ``when``; the entry returned can be removed."""
        timer = [when, next(self._numbers), item]
        heapq.heappush(self._heap, timer)
        return timer

    def remove(self, timer: Timer) -> None:
        """Takes an entry out; one that is out already stays out."""
        if timer[2] is None:
            return
        timer[2] = None
        self._removed += 1
        if self._removed * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2] is not None]
            heapq.heapify(self._heap)
            self._removed = 0

    def next(self) -> float:
        """Returns the earliest moment; infinity when the heap is empty."""
        while self._heap and self._heap[0][2] is None:
            heapq.heappop(self._heap)
            self._removed -= 1
        return self._heap[0][0] if self._heap else math.inf

    def take(self, until: float, most: float = math.inf) -> list[tuple[float, Item]]:
        """Takes out and returns what is due by ``until``, with when, and no more than ``most``."""
        taken: list[tuple[float, Item]] = []
        while self._heap and self._heap[0][0] <= until and len(taken) < most:
            timer = heapq.heappop(self._heap)
            if timer[2] is None:
                self._removed -= 1
            else:
                taken.append((timer[0], timer[2]))
                timer[2] = None
        return taken

    def __len__(self) -> int:
        return len(self._heap) - self._removed
