"""One exchange with the service that any thread may abort, wherever it hangs.

A timeout of requests bounds a silence; a server that sends a byte a second outlasts it. So
each connection hands the exchange that uses it a second handle of its socket, through which
the connection is shut down from outside. The pools and connections stay those of the session.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any, Mapping

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from types import TracebackType

_here = threading.local()

# The pools whose connections can be aborted, and what forked children must not close of them.
_pools: weakref.WeakSet[Any] = weakref.WeakSet()
_left_behind: list[Any] = []


class Exchange:
    """A context manager around all that one thread sends and receives for one poll.

    Attributes (to be read only):
        aborted: Whether ``abort`` was called.
        requests: How many requests were sent, redirects included.
    """

    def __init__(self) -> None:
        self.aborted = False
        self.requests = 0
        # Protects the handle: shutting down one that is just being closed could hit whatever
        # gets its descriptor next. Neither call blocks.
        self._lock = threading.Lock()
        self._connection: _Abortable | None = None
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

    def use(self, connection: _Abortable, descriptor: int) -> None:
        """Takes a handle of the connection that the exchange is about to use."""
        # A descriptor of its own: the socket object is wrapped, detached and closed by others.
        self._take(connection, socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM))

    def leave(self, connection: _Abortable) -> None:
        """Lets go of a connection that another exchange is about to use."""
        with self._lock:
            if self._connection is connection and self._handle is not None:
                self._handle.close()
                self._connection = self._handle = None

    def _take(self, connection: _Abortable | None, handle: socket.socket | None) -> None:
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


def make_abortable(
    session: requests.Session, request: requests.PreparedRequest, settings: Mapping[str, Any]
) -> None:
    """Has the connections over which ``request`` goes tell the exchanges that use them.

    It changes nothing else, and nothing for adapters that don't derive from ``HTTPAdapter``:
    their exchanges are bounded by their timeouts alone.
    """
    pools: Any = session.get_adapter(str(request.url))
    if not issubclass(type(pools), HTTPAdapter):
        return
    proxies = settings["proxies"]
    # What is wrong with the URL or a proxy is for the exchange itself to meet.
    with contextlib.suppress(requests.RequestException, ValueError):
        if hasattr(pools, "get_connection_with_tls_context"):  # since requests 2.32
            pool = pools.get_connection_with_tls_context(
                request, settings["verify"], proxies=proxies, cert=settings["cert"]
            )
        else:
            pool = pools.get_connection(request.url, proxies)
        plain = not issubclass(pool.ConnectionCls, _Abortable)
        if plain and issubclass(pool.ConnectionCls, HTTPConnection):
            pool.ConnectionCls = _abortable(pool.ConnectionCls)
            _pools.add(pool)
            _close_idle(_idle_connections(pool))


def leave_connections() -> None:
    """Leaves all connections to the parent, in a forked child, without closing one.

    Threads of the parent may hold the locks of pools, which urllib3 takes when the child exits.
    """
    for pool in list(_pools):
        connections = _idle_connections(pool)
        _left_behind.append((pool, list(connections.queue)))
        # Emptied without its lock, as only a new start of the same object can be.
        connections.__init__(connections.maxsize)  # type: ignore[misc]
    _pools.clear()


def _idle_connections(pool: Any) -> queue.Queue[Any]:
    """Returns the queue of a pool; an empty one if its owner has just closed it.

    The same if it keeps them in another way, as urllib3-future does in place of urllib3.
    """
    return pool.pool if isinstance(pool.pool, queue.Queue) else queue.Queue()


def _close_idle(connections: queue.Queue[Any]) -> None:
    """Closes what the user's own requests have left open, before it could be aborted."""
    idle = []
    with contextlib.suppress(queue.Empty):
        while True:
            idle.append(connections.get(block=False))
    for connection in idle:
        if connection is not None:
            connection.close()
        with contextlib.suppress(queue.Full):
            connections.put(None, block=False)


class _Abortable:
    """Mixed into the classes of connections, which have what a type checker misses here."""

    sock: Any
    _exchange: Exchange | None = None

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        self._tell(connection)
        return connection

    def _tunnel(self) -> None:
        super()._tunnel()  # type: ignore[misc]
        # A proxy's answer that was cut off may look whole. The handshake that would follow on
        # a socket that is shut down leaves it open.
        if self._exchange is not None and self._exchange.aborted:
            self.close()  # type: ignore[attr-defined]
            raise ConnectionAbortedError

    def putrequest(self, *args: Any, **settings: Any) -> Any:
        exchange = self._tell(self.sock)
        if exchange is not None:
            exchange.requests += 1
        return super().putrequest(*args, **settings)  # type: ignore[misc]

    def _tell(self, connection: Any) -> Exchange | None:
        """Tells the exchange of this thread, and the one before, whose connection this is."""
        exchange: Exchange | None = getattr(_here, "exchange", None)
        previous, self._exchange = self._exchange, exchange
        if previous is not None and previous is not exchange:
            previous.leave(self)
        if exchange is not None and connection is not None:
            exchange.use(self, connection.fileno())
        return exchange


@functools.lru_cache(maxsize=None)
def _abortable(connection_class: type[Any]) -> type[Any]:
    return type(f"Abortable{connection_class.__name__}", (_Abortable, connection_class), {})
