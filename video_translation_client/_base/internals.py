"""What the library must know of the private parts of others, each a function with its reason.

Nothing else reaches into them. ``tests/test_internals.py`` fails with a sentence where one of
them changes. Read in CPython 3.7 to 3.13, requests 2.26 to 2.34, urllib3 1.26 and 2.0 to 2.8.
"""

from __future__ import annotations

import queue
from concurrent.futures import Future, ThreadPoolExecutor, thread
from operator import attrgetter
from threading import Condition, RLock, Thread
from typing import Any, Callable, Iterable

# concurrent.futures


def do_not_join(threads: Iterable[Thread]) -> None:
    """Keeps the end of the interpreter from waiting for threads of a ``ThreadPoolExecutor``.

    concurrent.futures joins all that stand in ``thread._threads_queues`` when the process ends,
    and has no public way round: one that hangs would hold the process for ever.
    """
    joined: Any = thread._threads_queues
    for one in threads:
        joined.pop(one, None)


def threads_of(pool: ThreadPoolExecutor) -> list[Thread]:
    """Returns the threads of a pool, some of which may never have run anything.

    ``shutdown(wait=True)`` joins them without a limit; where Ctrl-C has interrupted that before, it
    may hang on Python before 3.9.
    """
    return list(pool._threads)


def is_thread_shortage(error: RuntimeError) -> bool:
    """Says whether the operating system gives no more threads at the moment.

    CPython raises the same type for a pool that was shut down. Its text here is "can't start
    new thread", and from 3.12 on also "can't create new thread at interpreter shutdown".
    """
    return "new thread" in str(error)


class UninterruptibleCondition(Condition):
    """A condition that Ctrl-C can't leave locked for good where a ``with`` block begins or ends.

    Those methods of ``Condition`` are functions in Python, in which the interruption may come
    between the lock and the block; its ``_lock`` has them in C, where it can't.

    Each future has one, so it is small, too: ``Condition`` would keep five methods of its lock, and
    a deque of those who wait, and these take two thirds of all the memory of a ``Future``.
    """

    __enter__: Any = property(attrgetter("_lock.__enter__"))
    __exit__: Any = property(attrgetter("_lock.__exit__"))
    acquire: Any = property(attrgetter("_lock.acquire"))
    release: Any = property(attrgetter("_lock.release"))
    _release_save: Any = property(attrgetter("_lock._release_save"))
    _acquire_restore: Any = property(attrgetter("_lock._acquire_restore"))
    _is_owned: Any = property(attrgetter("_lock._is_owned"))

    def __init__(self) -> None:
        # Not that of ``Condition``, which would set all of these.
        self._lock = RLock()
        self._waiters: Any = []


def holds_condition(future: Future[Any]) -> bool:
    """Says whether the calling thread is inside the condition of a future.

    A finalizer or a signal handler may interrupt code of ``Future`` that holds it; what then
    ends the same future would find it half done. ``_condition`` has a lock that may be taken
    again by the same thread, so taking it would tell nothing.
    """
    condition: Any = future._condition
    owned: bool = condition._is_owned()
    return owned


def notify_cancel(future: Future[Any], *, can_be_interrupted: bool) -> None:
    """Wakes who waits for a cancelled future, in ``wait`` and ``as_completed`` too, and once.

    A Future counts its waiters down in ``set_running_or_notify_cancel``, which must be called
    once and does half of its work where Ctrl-C interrupts it. Where nobody waits there is no half.

    Args:
        future: It is cancelled.
        can_be_interrupted: Whether this thread may be; then it leaves waiters to another one, which
            also wakes those in ``result`` whom an interrupted ``cancel`` has not.
    """
    parts: Any = future
    with parts._condition:
        if parts._state == "CANCELLED" and not (can_be_interrupted and parts._waiters):
            Future.set_running_or_notify_cancel(future)  # that of a StatusFuture is for users
        if not can_be_interrupted:
            parts._condition.notify_all()


# queue and http.client


def empty_without_lock(connections: queue.Queue[Any]) -> None:
    """Empties a queue in a forked child, where a thread of the parent may hold its lock.

    The only way to replace its lock as well is to have the same object begin again.
    """
    connections.__init__(connections.maxsize)  # type: ignore[misc]


class _Source:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, _: str) -> Any:
        return self._stream


def source_of(stream: Any) -> Any:
    """Returns what an ``http.client.HTTPResponse`` can be made of in place of a socket.

    All that it does with the socket is to ask for a stream; there is no other way to give it one
    from the beginning.
    """
    return _Source(stream)


def begin_again(response: Any) -> None:
    """Has ``begin()`` of an ``http.client.HTTPResponse`` read one more status line and header.

    It knows no interim answer but 100 (RFC 9110, 15.2), and does nothing once there are headers.
    """
    response.headers = None


# requests


def renew_pools(adapter: Any) -> None:
    """Gives an ``HTTPAdapter`` new pools and locks, in a forked child, as pickling one would.

    Its class has no public way; ``close()`` would take the locks of pools that threads of the
    parent may hold.
    """
    adapter.__setstate__(adapter.__getstate__())


def set_body(response: Any, read: Callable[[Any], bytes]) -> None:
    """Has ``read`` read the body of a ``requests.Response``, unless a hook has read it already.

    What is in ``_content`` is what all others then find; they would read without a limit.
    """
    if not response._content_consumed:
        response._content = read(response)
        response._content_consumed = True


def set_next(response: Any, request: Any) -> None:
    """Has a ``requests.Response`` say that ``request`` follows it, as ``Session.send`` does.

    Its public ``next`` can only be read.
    """
    response._next = request


# urllib3


def connection_class(pool: Any) -> type[Any]:
    """Returns the class of which a pool makes its connections."""
    made: type[Any] = pool.ConnectionCls
    return made


def change_classes(pool: Any, pool_class: type[Any], connection_class: type[Any]) -> None:
    """Gives a pool that may be in use another class, and another one for its new connections.

    Pools are made deep inside of adapters that may be the user's own. Connections come first:
    another thread may do the same meanwhile, and looks at them to see whether it is done.
    """
    pool.ConnectionCls = connection_class
    # As an attribute of the pool, a method would make a cycle that keeps its sockets.
    pool.__class__ = pool_class


def idle_connections(pool: Any) -> queue.Queue[Any]:
    """Returns the queue in which a pool keeps connections; an empty one if it was just closed.

    The same if it keeps them in another way, as urllib3-future does in place of urllib3.
    """
    return pool.pool if isinstance(pool.pool, queue.Queue) else queue.Queue()


def close_pools(adapter: Any) -> None:
    """Closes the pools of an ``HTTPAdapter``, and so its idle connections.

    urllib3 2 leaves this to the garbage collector, and its errors hold on to pools.
    """
    for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
        # urllib3-future has another container, which closes them itself.
        for key in getattr(manager.pools, "keys", list)():
            manager.pools[key].close()


def key_of(adapter: Any, pool: Any) -> Any:
    """Returns what an ``HTTPAdapter`` keeps a pool under, or None if it is not one of these.

    To ask for the pool anew costs as much as half of what urllib3 does for a request.
    """
    pools = adapter.poolmanager.pools
    # urllib3-future has another container.
    return next((key for key in getattr(pools, "keys", list)() if pools.get(key) is pool), None)


def pool_at(adapter: Any, key: Any) -> Any:
    """Returns the pool that an ``HTTPAdapter`` keeps under a key, or None."""
    return adapter.poolmanager.pools.get(key)
