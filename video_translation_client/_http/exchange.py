"""One exchange with the service that any thread may abort, wherever it hangs.

A timeout of requests bounds a silence; a server that sends a byte a second outlasts it. So
each connection hands the exchange that uses it a second handle of its socket, through which
the connection is shut down from outside.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_here = threading.local()


def current_exchange() -> Exchange | None:
    """Returns the exchange that the calling thread is in."""
    return getattr(_here, "exchange", None)


class Exchange:
    """A context manager around all that one thread sends and receives for one poll.

    Attributes (to be read only):
        aborted: Whether ``abort`` was called.
        requests: How many requests were sent, redirects and repetitions included.
        renewing: Whether the next request must go over a new connection; for connections.
    """

    def __init__(self) -> None:
        self.aborted = False
        self.requests = 0
        self.renewing = False
        # Protects the handle: shutting down one that is just being closed could hit whatever
        # gets its descriptor next. Neither call blocks.
        self._lock = threading.Lock()
        self._connection: object = None
        self._handle: socket.socket | None = None

    def abort(self) -> None:
        """Makes the exchange fail, now or as soon as it has a connection; from any thread.

        What comes before the connection, such as the resolution of names, takes its time.
        """
        with self._lock:
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
        _here.exchange = None
        self._take(None, None)

    def use(self, connection: object, descriptor: int) -> None:
        """Takes a handle of the connection that the exchange is about to use."""
        # A descriptor of its own: the socket object is wrapped, detached and closed by others.
        self._take(connection, socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM))

    def leave(self, connection: object) -> None:
        """Lets go of a connection that another exchange is about to use."""
        with self._lock:
            if self._connection is connection and self._handle is not None:
                self._handle.close()
                self._connection = self._handle = None

    def _take(self, connection: object, handle: socket.socket | None) -> None:
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._connection, self._handle = connection, handle
            if self.aborted:
                self._shut_down()

    def _shut_down(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):  # the other side may have been faster
                self._handle.shutdown(socket.SHUT_RDWR)
