"""The connections of a session, made fit for polls: abortable, bounded, and never mixed up.

The pools stay those of the session; their classes, and those of what they make, are extended
here. An exchange is told what connection it uses, no more of an answer is taken than its limit,
a connection on which something follows an answer is closed, as the next request would take it
for its own, and one that the server has closed while it was idle is replaced.
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
from typing import Any, Callable, Mapping

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from .._base import internals
from .exchange import Exchange, Handle, current_exchange, handle_of

# How a connection shows that it has ended. With OpenSSL 3, Python 3.7 and 3.8 have no better
# name for a bare end of TLS; what else TLS finds wrong ends a connection, too.
_CLOSED = (ConnectionError, ssl.SSLError)

# What says where an answer ends, and the answers that end with their headers.
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

# The pools that are guarded, and what forked children must not close of them.
_pools: weakref.WeakSet[Any] = weakref.WeakSet()
_left_behind: list[Any] = []


class WireError(OSError):
    """What arrives can't be taken for an answer; the words hold nothing of it."""


class _StaleError(Exception):
    """A request needs another connection; no OSError, so that it uses up no retry of urllib3."""


def guard_connections(
    session: requests.Session, request: requests.PreparedRequest, settings: Mapping[str, Any]
) -> Any:
    """Has the connections over which ``request`` goes do what this module is for.

    It changes nothing else, and nothing for adapters that don't derive from ``HTTPAdapter``:
    their exchanges are bounded by their timeouts alone.

    Returns:
        The pool whose connections do so from now on; None where there is none.
    """
    adapter: Any = session.get_adapter(str(request.url))
    if not issubclass(type(adapter), HTTPAdapter):
        return None
    proxies, guarded = settings["proxies"], None
    # What is wrong with the URL or a proxy is for the exchange itself to meet.
    with contextlib.suppress(requests.RequestException, ValueError):
        if hasattr(adapter, "get_connection_with_tls_context"):  # since requests 2.32
            pool = adapter.get_connection_with_tls_context(
                request, settings["verify"], proxies=proxies, cert=settings["cert"]
            )
        else:
            pool = adapter.get_connection(request.url, proxies)
        guarded = pool if _guard(pool) else None
    return guarded


class Guard:
    """Guards the connections to one URL before each request; looks for them only where it must.

    Args:
        session: It may get other adapters at any time, and lose its pools.
        request: What is sent, but for what comes after its URL.
        settings: How it is sent.
    """

    def __init__(
        self,
        session: requests.Session,
        request: requests.PreparedRequest,
        settings: Mapping[str, Any],
    ) -> None:
        self._session, self._request, self._settings = session, request, settings
        # An adapter, what it keeps the pool under, and the pool: none that it has dropped is held.
        self._known: tuple[Any, Any, weakref.ref[Any]] | None = None

    def renew(self) -> Any:
        """Has the connections that the next request will use guarded.

        Returns:
            Their pool; None where they can't be.
        """
        known, adapter = self._known, self._session.get_adapter(str(self._request.url))
        if known is not None and known[0] is adapter:
            pool = internals.pool_at(adapter, known[1])
            if pool is not None and pool is known[2]():
                return pool
        pool = guard_connections(self._session, self._request, self._settings)
        # Other classes may take another pool each time; those of proxies are kept elsewhere.
        plain = pool is not None and type(adapter) is HTTPAdapter
        key = internals.key_of(adapter, pool) if plain else None
        self._known = None if key is None else (adapter, key, weakref.ref(pool))
        return pool


def _guard(pool: Any) -> bool:
    pool_class: Any = type(pool)  # read before the class that tells whether it is guarded
    made: Any = internals.connection_class(pool)
    can_be = issubclass(made, HTTPConnection)
    if can_be and not issubclass(made, _Connection):
        internals.change_classes(pool, _extended(pool_class, _Pool), _extended(made, _Connection))
        _pools.add(pool)
        _close_idle(internals.idle_connections(pool))
    return can_be


def leave_connections() -> None:
    """Leaves all connections to the parent, in a forked child, without closing one.

    Threads of the parent may hold the locks of pools, which urllib3 takes when the child exits.
    """
    for pool in list(_pools):
        connections = internals.idle_connections(pool)
        _left_behind.append((pool, list(connections.queue)))
        internals.empty_without_lock(connections)
    _pools.clear()


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
def _extended(base: Any, extension: Any) -> type[Any]:
    """Returns a class with an extension of ours; its name, which errors repeat, stays."""
    return type(base.__name__, (extension, base), {})


class _Pool:
    """Extends the classes of pools."""

    def urlopen(self, *args: Any, **settings: Any) -> Any:
        while True:  # each turn closes a connection; one that is new is never stale
            try:
                return super().urlopen(*args, **settings)  # type: ignore[misc]
            except _StaleError:  # noqa: PERF203 - none costs less where none is raised
                continue


class _Connection:
    """Extends the classes of connections, which have what a type checker misses here."""

    sock: Any
    _exchange: Exchange | None = None  # of the latest request
    _handle: Handle | None = None  # of the socket, once an exchange has used it
    _answered: Any = None  # the socket that has brought an answer already
    _repeatable = False
    _stream: _Stream | None = None

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        self._exchange = current_exchange()
        if self._exchange is not None:
            self._lend(self._exchange, connection)
        return connection

    def _lend(self, exchange: Exchange, connection: Any) -> None:
        if self._handle is None:
            self._handle = handle_of(connection.fileno())
        exchange.use(self._handle)

    def close(self) -> None:
        """Closes the connection, in which no handle may keep it open."""
        self._handle = None
        super().close()  # type: ignore[misc]

    def _tunnel(self) -> None:
        super()._tunnel()  # type: ignore[misc]
        if self._exchange is None:
            return
        # A proxy's answer that was cut off may look whole. The handshake that would follow on
        # a socket that is shut down leaves it open.
        if self._exchange.aborted:
            self.close()
            raise ConnectionAbortedError
        self._lend(self._exchange, self.sock)  # which it has left with the proxy's answer

    def putrequest(self, method: str, *args: Any, **settings: Any) -> Any:
        self._exchange = exchange = current_exchange()
        reused = self.sock is not None and self.sock is self._answered
        if exchange is not None:
            if reused and exchange.renewing and not exchange.aborted:
                raise _StaleError  # urllib3 closes the connection, as after any error
            exchange.renewing = False
            exchange.requests += 1
            if self.sock is not None:
                self._lend(exchange, self.sock)
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
        """Makes a response, as the class of this name does; that could not know its connection."""
        response_class = _extended(super().response_class, _Response)  # type: ignore[misc]
        self._stream = _Stream.of(self, connection)
        return response_class(internals.source_of(self._stream), *args, **settings)

    def _renew(self) -> None:
        """Has a request repeated whose kept connection has ended before a byte of its answer."""
        exchange = self._exchange
        begun = self._stream is not None and self._stream.raw.received
        if exchange is None or exchange.aborted or begun or not self._repeatable:
            return
        exchange.renewing = True
        raise _StaleError from None

    def finish(self, stream: _Stream) -> None:
        """Gives the connection up at the end of an answer, if others may use it then."""
        aborted = self._exchange is not None and self._exchange.leave()
        if aborted or stream.has_surplus():
            self.close()


class _Response:
    """Extends the classes of responses, those of ``http.client``."""

    status: int
    headers: Any
    will_close: bool

    def begin(self) -> None:
        """Reads up to the body of the final answer (RFC 9110, 15.2)."""
        try:
            super().begin()  # type: ignore[misc]
            while self.status < HTTPStatus.OK:
                if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                    raise WireError("the server switches protocols (HTTP status 101), unasked")
                internals.begin_again(self)
                super().begin()  # type: ignore[misc]
        except (HTTPException, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - its parser of headers trips over some
            problem = f"the answer's headers can't be read ({type(error).__name__})"
            raise WireError(problem) from None
        framing = [name for name in map(str.lower, self.headers.keys()) if name in _FRAMING]
        bodiless = self.status in _BODILESS and framing
        if len(framing) > 1 or (bodiless and self.headers[framing[0]] != "0"):
            self.will_close = True  # where such an answer ends, others may see elsewhere


class _Stream(io.BufferedReader):
    """What arrives of one answer; closed at its end, by whoever reads to there."""

    raw: Any  # of a class that _RawStream extends
    connection: weakref.ref[_Connection]  # which holds the response, and so the stream
    socket: Any

    @classmethod
    def of(cls, connection: _Connection, socket: Any) -> _Stream:
        """Returns the stream of the next answer."""
        raw = socket.makefile("rb", buffering=0)
        raw_class: Any = type(raw)
        raw.__class__ = _extended(raw_class, _RawStream)
        exchange = connection._exchange
        if exchange is not None:
            raw.most, raw.check = exchange.most, exchange.check
        stream = cls(raw)
        stream.connection, stream.socket = weakref.ref(connection), socket
        return stream

    def close(self) -> None:
        connection = None if self.closed else self.connection()
        # Or else it is closed anyway, or another one by now.
        if connection is not None and connection.sock is self.socket:
            connection.finish(self)
        super().close()

    def has_surplus(self) -> bool:
        """Says whether more was received; what is in the system's hands, urllib3 looks for."""
        self.raw.ended = True
        decrypted = getattr(self.socket, "pending", int)  # a method of TLS sockets
        return bool(self.peek(1)) or decrypted() > 0


class _RawStream:
    """Extends the classes of what is read from sockets."""

    received = 0  # bytes
    most = math.inf
    ended = False
    check: Callable[[], None] | None = None

    def readinto(self, buffer: Any) -> int | None:
        if self.ended:
            return 0
        size: int | None = super().readinto(buffer)  # type: ignore[misc]
        self.received += size or 0
        if self.received > self.most:
            raise WireError(f"the answer is over {self.most} bytes, headers and framing included")
        if self.check is not None:
            self.check()
        return size
