"""The connections of a session, made fit for polls: abortable, bounded, and never mixed up.

The pools stay those of the session; their classes and those of their connections get a part
of ours. It tells each exchange what connection it uses, takes no more of an answer than its
limit, closes a connection on which something follows an answer, as the next request would
take it for its own, and replaces one that the server has closed while it was idle.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import queue
import ssl
import weakref
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Mapping

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from .exchange import Exchange, current_exchange

MAX_ANSWER = 2 * 1024 * 1024
"""Bytes of an answer as they arrive, headers and framing included; more is a failure."""

# How a connection shows that it has ended. With OpenSSL 3, Python 3.7 and 3.8 have no better
# name for a bare end of TLS; what else TLS finds wrong ends a connection, too.
_CLOSED = (ConnectionError, ssl.SSLError)

# The pools that are guarded, and what forked children must not close of them.
_pools: weakref.WeakSet[Any] = weakref.WeakSet()
_left_behind: list[Any] = []


class WireError(OSError):
    """What arrives can't be taken for an answer; the words hold nothing of it."""


class _StaleError(Exception):
    """A request needs another connection; no OSError, so that it uses up no retry of urllib3."""


def guard_connections(
    session: requests.Session, request: requests.PreparedRequest, settings: Mapping[str, Any]
) -> None:
    """Has the connections over which ``request`` goes do what this module is for.

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
        pool_class: Any = type(pool)  # read before the class that tells whether it is guarded
        connection_class = pool.ConnectionCls
        if issubclass(connection_class, _Guarded) or not issubclass(
            connection_class, HTTPConnection
        ):
            return
        # In this order, as another thread may be above at the same time.
        pool.ConnectionCls = _with(_Guarded, connection_class)
        # As an attribute of the pool, a method would make a cycle that keeps its sockets.
        pool.__class__ = _with(_Renewing, pool_class)
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
    """Closes what the user's own requests have left open, before it could be guarded."""
    idle = []
    with contextlib.suppress(queue.Empty):
        while True:
            idle.append(connections.get(block=False))
    for connection in idle:
        if connection is not None:
            connection.close()
        with contextlib.suppress(queue.Full):
            connections.put(None, block=False)


@functools.lru_cache(maxsize=None)
def _with(part: type[Any], base: type[Any]) -> type[Any]:
    """Returns a class with a part of ours; its name, which errors repeat, is the base's."""
    return type(base.__name__, (part, base), {})


class _Renewing:
    """Mixed into the classes of pools."""

    def urlopen(self, *args: Any, **settings: Any) -> Any:
        while True:  # each turn closes a connection; one that is new is never stale
            with contextlib.suppress(_StaleError):
                return super().urlopen(*args, **settings)  # type: ignore[misc]


class _Guarded:
    """Mixed into the classes of connections, which have what a type checker misses here."""

    sock: Any
    _exchange: Exchange | None = None
    _answered: Any = None  # the socket that has brought an answer already
    _repeatable = False
    _stream: _Stream | None = None

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

    def putrequest(self, method: str, *args: Any, **settings: Any) -> Any:
        exchange = current_exchange()
        reused = self.sock is not None and self.sock is self._answered
        if exchange is not None:
            if reused and exchange.renewing and not exchange.aborted:
                raise _StaleError  # urllib3 closes the connection, as after any error
            exchange.renewing = False
            exchange.requests += 1
        self._tell(self.sock)
        # The only method of ours that may be repeated unasked (RFC 9110, 9.2.2).
        self._repeatable = reused and method == "GET"
        self._stream = None
        return super().putrequest(method, *args, **settings)  # type: ignore[misc]

    def endheaders(self, *args: Any, **settings: Any) -> Any:
        try:
            return super().endheaders(*args, **settings)  # type: ignore[misc]
        except _CLOSED:
            self._renew()
            raise

    def getresponse(self, *args: Any, **settings: Any) -> Any:
        self._answered = self.sock
        try:
            return super().getresponse(*args, **settings)  # type: ignore[misc]
        except _CLOSED:
            self._renew()
            raise

    def response_class(self, connection: Any, *args: Any, **settings: Any) -> Any:
        """Makes an answer, as the class of this name does; that could not know its connection."""
        answer_class = _with(_Answer, super().response_class)  # type: ignore[misc]
        answer = answer_class(connection, *args, **settings)
        most = math.inf if current_exchange() is None else MAX_ANSWER
        answer.fp = self._stream = _Stream(answer.fp.detach(), self, connection, most)
        return answer

    def _renew(self) -> None:
        """Has a request repeated whose kept connection has ended before a byte of its answer."""
        exchange = self._exchange
        begun = self._stream is not None and self._stream.raw.received
        if exchange is None or exchange.aborted or begun or not self._repeatable:
            return
        exchange.renewing = True
        raise _StaleError from None

    def _tell(self, connection: Any) -> None:
        """Tells the exchange of this thread, and the one before, whose connection this is."""
        exchange = current_exchange()
        previous, self._exchange = self._exchange, exchange
        if previous is not None and previous is not exchange:
            previous.leave(self)
        if exchange is not None and connection is not None:
            exchange.use(self, connection.fileno())


class _Answer:
    """Mixed into the classes of answers, those of ``http.client``."""

    status: int
    headers: Any
    will_close: bool

    def begin(self) -> None:
        """Reads up to the body of the final answer (RFC 9110, 15.2)."""
        self._begin()
        while self.status < HTTPStatus.OK:  # http.client knows no interim answer but 100
            if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise WireError("the server switches protocols (HTTP status 101), unasked")
            self.headers = None
            self._begin()
        framing = [
            *self.headers.get_all("Content-Length", []),
            *self.headers.get_all("Transfer-Encoding", []),
        ]
        bodiless = self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        if len(framing) > 1 or (bodiless and framing not in ([], ["0"])):
            self.will_close = True  # where such an answer ends, others may see elsewhere

    def _begin(self) -> None:
        try:
            super().begin()  # type: ignore[misc]
        except (HTTPException, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - its parser of headers trips over some
            problem = f"the answer's headers can't be read ({type(error).__name__})"
            raise WireError(problem) from None


class _Stream(io.BufferedReader):
    """What arrives of one answer; closed at its end, by whoever reads to there."""

    raw: _Received

    def __init__(self, raw: io.RawIOBase, owner: _Guarded, connection: Any, most: float) -> None:
        super().__init__(_Received(raw, most))
        self._owner = weakref.ref(owner)  # which holds the answer
        self._connection = connection

    def close(self) -> None:
        owner = None if self.closed else self._owner()
        # Unless the connection is closed anyway, or by then another one.
        if owner is not None and owner.sock is self._connection and self._has_surplus():
            owner.close()  # type: ignore[attr-defined]
        super().close()

    def _has_surplus(self) -> bool:
        """Says whether more was received; what is in the system's hands, urllib3 looks for."""
        self.raw.ended = True
        decrypted = getattr(self._connection, "pending", int)  # a method of TLS sockets
        return bool(self.peek(1)) or decrypted() > 0


class _Received(io.RawIOBase):
    """Counts what is received, and receives no more than ``most`` bytes."""

    def __init__(self, raw: io.RawIOBase, most: float) -> None:
        self.received = 0
        self.ended = False
        self._raw: Any = raw
        self._most = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return 0
        size: int | None = self._raw.readinto(buffer)
        self.received += size or 0
        if self.received > self._most:
            raise WireError(f"the answer is over {self._most} bytes, headers and framing included")
        return size

    def fileno(self) -> int:
        descriptor: int = self._raw.fileno()
        return descriptor

    def close(self) -> None:
        self._raw.close()
        super().close()
