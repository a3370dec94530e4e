"""All that is asked of Dask: its workers, tasks that sit on them, and mailboxes.

A mailbox is one of Dask's queues. Nobody waits at one with a timeout: Dask's scheduler would log a
traceback each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import queue
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

import distributed
from distributed import LocalCluster, Queue

from .._base.arguments import BadTypeError, BadValueError

if TYPE_CHECKING:
    from distributed import Client, Future

# Messages in one parcel, at most.
_PARCEL = 1000

# Dask has a server for its pages even where there are none; so it is for this machine alone.
_NO_DASHBOARD = "127.0.0.1:0"

# Seconds in which it must answer later; one that does not is as good as gone.
_PATIENCE = 5.0

CONNECT_TIMEOUT = 10.0
"""Seconds in which a scheduler must answer at first, and again after a connection was lost."""


class ClusterError(OSError):
    """The scheduler of Dask's, or the connection to it, is gone."""


# Dask's client raises the third where it is closed meanwhile, and the fourth where a scheduler that
# was started anew does not know a queue; before Python 3.11, the last two are no OSErrors.
_TROUBLE = (
    OSError,
    RuntimeError,
    AttributeError,
    KeyError,
    asyncio.CancelledError,
    CancelledError,
    asyncio.TimeoutError,
    TimeoutError,
)


@contextlib.contextmanager
def _reached(dask: Client) -> Iterator[None]:
    """Makes one error of all that Dask's client raises where it is closed, or is about to be."""
    if dask.status != "running":  # Dask would begin something that it can't end
        raise ClusterError(f"the scheduler is gone (Dask's client is {dask.status})")
    try:
        yield
    except _TROUBLE as error:
        raise ClusterError(f"the scheduler is gone ({type(error).__name__})") from error


class Mailbox:
    """Takes messages to one reader, in order; for any thread.

    Args:
        dask: Knows the scheduler.
        name: Its name, by which others find it.

    Raises:
        ClusterError: The scheduler is gone, or says nothing.
    """

    def __init__(self, dask: Client, name: str) -> None:
        self.name = name
        self._dask = dask

        async def make() -> Any:  # on Dask's own thread, so that it can be given up
            return await Queue(name, client=dask)

        with _reached(dask):
            self._queue = dask.sync(make, callback_timeout=_PATIENCE)

    def put(self, messages: Sequence[Any]) -> None:
        """Sends messages.

        Raises:
            ClusterError: They have not arrived, or not yet.
        """
        for first in range(0, len(messages), _PARCEL):  # none for none
            self._send(messages[first : first + _PARCEL])

    def get(self) -> list[Any]:
        """Waits for messages, and returns them; none at all tells that no more come.

        Raises:
            ClusterError: The scheduler is gone, or what has come can't be read.
        """
        with _reached(self._dask):
            parcel = self._queue.get()
        try:
            messages: list[Any] = pickle.loads(parcel)  # noqa: S301 - as Dask does with all it gets
        except Exception as error:
            raise ClusterError(f"what was sent can't be read ({error!r})") from error
        return messages

    def close(self) -> None:
        """Has whoever waits at it wait no more, and releases it.

        Raises:
            ClusterError: It does not, or it has lost its connection as well.
        """
        self._send([])
        self.release()

    def release(self) -> None:
        """Lets go of it; Dask keeps it until all who know it have.

        Raises:
            ClusterError: The scheduler is gone.
        """
        with _reached(self._dask):
            self._queue.close()

    def _send(self, messages: Sequence[Any]) -> None:
        parcel = pickle.dumps(messages)
        with _reached(self._dask):
            self._queue.put(parcel, callback_timeout=_PATIENCE)


def all_in(inbox: queue.SimpleQueue[Any], timeout: float) -> list[Any]:
    """Returns what has come in by now; waits for the first for ``timeout`` seconds."""
    try:
        items = [inbox.get(timeout=timeout)]
    except queue.Empty:
        return []
    return items + [inbox.get() for _ in range(inbox.qsize())]


class _Call:
    """Calls a function where it is unpickled, and gives what that returns.

    A worker that lacks the library can't unpickle a function of it. Where that is the task itself,
    Dask takes the worker for dead; where the task does so, it fails, with an error.
    """

    def __init__(self, function: Callable[..., Any], args: Sequence[Any]) -> None:
        self._call = function, tuple(args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


class Cluster:
    """The cluster of one caller.

    Args:
        dask_client_or_address: As for ``DistributedClient``.

    Attributes:
        dask: The client of Dask's.
    """

    def __init__(self, dask_client_or_address: Client | str | None) -> None:
        self._own: list[Any] = []
        self._address = "an unknown address"
        given: Any = dask_client_or_address
        if isinstance(given, distributed.Client):
            self.dask = given
            if given.asynchronous:
                problem = "must not be asynchronous"
                raise BadValueError("dask_client_or_address", problem, "make it in plain code")
            if given.status != "running":
                raise BadValueError("dask_client_or_address", f"is {given.status}, not running")
            return
        if given is None:
            # No processes: they would run the module that this line stands in once more each.
            given = LocalCluster(
                n_workers=1,
                threads_per_worker=1,
                processes=False,
                dashboard_address=_NO_DASHBOARD,
                worker_dashboard_address=_NO_DASHBOARD,
            )
            self._own.append(given)
        elif not isinstance(given, str) or not given:
            problem = f"must be a distributed.Client, or the address of a scheduler, not {given!r}"
            raise BadTypeError("dask_client_or_address", problem, "or None for a local cluster")
        elif given.startswith(("http://", "https://")):
            problem = "must be a scheduler's, such as 'tcp://10.0.0.1:8786', not a URL of http"
            advice = "the URL of the service is passed as base_url="
            raise BadValueError("dask_client_or_address", problem, advice)
        try:
            self.dask = distributed.Client(given, set_as_default=False, timeout=CONNECT_TIMEOUT)
        except (OSError, ValueError) as error:
            problem = f"names no scheduler that can be reached: {given!r} ({error})"
            advice = "start one with: dask scheduler"
            raise BadValueError("dask_client_or_address", problem, advice) from error
        self._own.insert(0, self.dask)

    @property
    def address(self) -> str:
        """Where its scheduler stands, or stood, for messages."""
        scheduler = self.dask.scheduler
        if scheduler is not None:
            self._address = str(scheduler.address)
        return self._address

    @property
    def is_connected(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self.dask.status == "running")

    @property
    def is_closed(self) -> bool:
        """Whether it will not be there any more."""
        return self.dask.status in ("closed", "closing")

    def mailbox(self, name: str) -> Mailbox:
        """Returns a mailbox, made by now."""
        return Mailbox(self.dask, name)

    def workers(self) -> list[str]:
        """Returns the addresses of the workers.

        Raises:
            ClusterError: The scheduler is gone, or says nothing.
        """
        with _reached(self.dask):
            return sorted(self.dask.sync(self.dask.scheduler.ncores, callback_timeout=_PATIENCE))

    def ask_all(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Returns what a function returns or raises on each worker, by address.

        Nothing where one does not answer in time: it may hang.

        Raises:
            ClusterError: The scheduler is gone.
        """
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def ask() -> None:
            try:
                with _reached(self.dask):
                    answers.put(self.dask.run(function, *args, on_error="return"))
            except ClusterError as error:  # pragma: no cover - it is lost just then
                answers.put(error)

        threading.Thread(target=ask, name="video-translation-ask", daemon=True).start()
        try:
            answer: Any = answers.get(timeout=CONNECT_TIMEOUT)
        except queue.Empty:
            return {}
        if isinstance(answer, ClusterError):  # pragma: no cover - likewise
            raise answer
        return dict(answer)

    def seat(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        key: str,
        worker: str | None,
        on_end: Callable[[Future], Any],
    ) -> Future:
        """Has a function run on a worker, by preference on a certain one.

        Args:
            function: It.
            args: Its arguments.
            key: The name of the task; a new one for each.
            worker: The address of that worker; None: on any.
            on_end: Called on a thread of Dask's, with the future, when the task has ended.
        """
        where = {} if worker is None else {"workers": [worker], "allow_other_workers": True}
        task = pickle.dumps(_Call(function, args))
        with _reached(self.dask):
            future = self.dask.submit(pickle.loads, task, key=key, pure=False, **where)
            future.add_done_callback(on_end)
        return future

    def close(self) -> None:
        """Lets go of what was made here."""
        for one in self._own:
            one.close()
