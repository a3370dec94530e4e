"""One exchange with the service that any thread may abort, wherever it hangs.

A timeout of requests bounds a silence; a server that sends a byte a second outlasts it. So
each connection lends the exchange that uses it a second handle of its socket, through which
the connection is shut down from outside. There is no lock here.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Callable

MAX_ANSWER = 2 * 1024 * 1024
"""Bytes of an answer as they arrive, headers and framing included; more is a failure."""

_here = threading.local()


def current_exchange() -> Exchange | None:
    """Returns the exchange that the calling thread is in."""
    return getattr(_here, "exchange", None)


class Handle(socket.socket):
    """A second handle of a connection, closed once nobody holds it any more.

    If its user closed it, an abort that has just read it could shut down whatever gets the same
    descriptor next.
    """

    def __del__(self) -> None:
        self.close()


def handle_of(descriptor: int) -> Handle:
    """Returns a handle of a connection, to be lent to exchanges; until it goes, that stays open."""
    # A descriptor of its own: the socket object is wrapped, detached and closed by others.
    # Its family and kind don't matter for what is done with it.
    return Handle(socket.AF_INET, socket.SOCK_STREAM, 0, socket.dup(descriptor))


class Exchange:
    """A context manager around all that one thread sends and receives for one poll.

    Attributes (to be read only):
        aborted: Whether ``abort`` was called.
        requests: How many requests were sent, redirects and repetitions included.
        renewing: Whether the next request must go over a new connection; for connections.
        most: Bytes of one answer.
        check: Called after each piece of it, where there is one; what it raises ends the exchange.
    """

    most: float = MAX_ANSWER
    check: Callable[[], None] | None = None

    def __init__(self) -> None:
        self.aborted = False
        self.requests = 0
        self.renewing = False
        self._handle: Handle | None = None

    def abort(self) -> None:
        """Makes the exchange fail, now or as soon as it has a connection.

        It never blocks, and may be called by any thread at any moment: also by a finalizer or a
        signal handler that interrupts this exchange, or another abort of it. What comes before
        the connection, such as the resolution of names, takes its time.
        """
        self.aborted = True
        self._shut_down()

    def __enter__(self) -> Exchange:
        _here.exchange = self
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _here.exchange = self._handle = None

    def use(self, handle: Handle) -> None:
        """Takes the handle of the connection that the exchange is about to use."""
        self._handle = handle
        if self.aborted:  # whoever set this first may have found no handle
            self._shut_down()

    def leave(self) -> bool:
        """Gives up the connection, which others may use from now on.

        Returns:
            Whether they may not, because an abort may just be shutting it down.
        """
        self._handle = None
        return self.aborted

    def _shut_down(self) -> None:
        handle = self._handle
        if handle is not None:
            with contextlib.suppress(OSError):  # the other side may have been faster
                handle.shutdown(socket.SHUT_RDWR)
