"""What a user touches of waits that a store keeps: the method that a client has for them."""

from __future__ import annotations

from typing import Any, Callable

from .._base import arguments
from .._scheduling.intake import Intake
from ..future import StatusFuture


class Resuming:
    """The part of a client that goes on with what other processes have left."""

    _intake: Intake

    def resume(
        self, on_future: Callable[[StatusFuture], Any] | None = None
    ) -> dict[str | None, StatusFuture]:
        """Takes over the waits in the store that their processes have left, and goes on with them.

        Those are the waits of the same service, base URL and account whose process has died, or has
        shut its client down, before their end was told to whom it may concern: before their
        done-callbacks had returned, or else before ``result()`` or ``exception()`` was called. So
        done-callbacks run at least once, and should bear to run twice.

        Attempts and time go on where they stood, and so do pauses between polls; the time left is
        never more than it was, whatever happens to the clock of the machine. A wait whose time is
        over by now gets one last poll. One that has ended already is a future that is done.

        Args:
            on_future: Called as ``on_future(future)`` on a worker thread, until ``shutdown``, with
                each wait that is taken over later, when another process dies or leaves it; within
                two seconds on the same machine, otherwise after the store's ``lease``. What it
                raises is logged and changes nothing.

        Returns:
            The futures by job id. Their callbacks are to be added: those of the process that is no
            more can't be known.

        Raises:
            TypeError, ValueError: ``on_future`` can't be called, or the client has no store.
            OSError: The store can't be read.
            RuntimeError: After ``shutdown``.
        """
        if on_future is not None:
            arguments.callback("on_future", on_future)
        return self._intake.resume(on_future)
