"""What stands on a worker: one client of its own, which polls for all shards that sit there.

    mailbox --> reader thread --> inbox --> the station's thread --> client: waits, cancels, pace
                                    ^            |
      answers and ends, on workers -'            '--> the caller's mailbox, many in one parcel

The key of the service is taken from the worker's own environment. Where nothing is heard of the
caller any more, the station ends, and with it all that waits there.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import uuid
import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Sequence, TypeVar

import distributed

from .._base.version import __version__
from .._scheduling.waits import Start
from ..client import VideoTranslationClient
from ..errors import JobNotFoundError, PollError, RejectedError, VideoTranslationError
from ..events import Ended, Paced, Polled
from ..future import StatusFuture
from ._dask import ClusterError, Mailbox, all_in
from ._messages import (
    HEARTBEAT,
    LEASE,
    Alive,
    Begin,
    Forget,
    Heard,
    Hurry,
    Keep,
    Leave,
    Over,
    Seated,
    Slowed,
)

if TYPE_CHECKING:
    from distributed import Client

    from ..clock import Clock
    from ..events import Event
    from ._messages import Order

AnyEvent = TypeVar("AnyEvent", Polled, Ended)

_PORTABLE = (VideoTranslationError, PollError, RejectedError, JobNotFoundError)

# Requests a second that stand for none at all.
_NO_RATE = 1e-9

# Protects the stations of this process from two tasks that begin at once.
_lock = threading.Lock()
_stations: dict[tuple[str, str], Station] = {}


class StationError(Exception):
    """A worker can't do what it is asked to: its address, and why."""

    def __str__(self) -> str:
        return "worker {} {}".format(*self.args)


def hold_shard(order: Order, shard: int) -> None:
    """Is a task of Dask: a shard sits on this worker until it is told to leave.

    Raises:
        StationError: It can't, and nor could it if it were tried again.
        OSError: The connection to the scheduler, or the caller, is lost.
    """
    worker, dask = distributed.get_worker(), distributed.get_client()
    distributed.secede()
    left = threading.Event()
    with _lock:
        key = (order.caller, worker.address)
        station = _stations.get(key)
        if station is None:
            station = _stations[key] = Station(order, dask, worker.address)
        station.take(shard, left)
    left.wait()
    if station.trouble is not None:
        raise OSError(f"worker {worker.address}: {station.trouble}")


def make_client(order: Order, address: str, **more: Any) -> VideoTranslationClient:
    """Returns a client as the caller wants it, with the key of this process.

    Raises:
        StationError: None can be made here.
    """
    if order.version != __version__:
        why = f"has version {__version__} of video-translation-client, and the caller"
        raise StationError(address, f"{why} {order.version}; install the same one on both")
    try:
        with warnings.catch_warnings():  # the caller has been warned
            warnings.simplefilter("ignore")
            return VideoTranslationClient(**order.arguments, **more)
    except (TypeError, ValueError) as error:
        problem, variable = str(error), getattr(error, "variable", None)
        if variable is not None:  # pragma: no branch - what else is wrong, the caller was told
            problem = f"{problem.partition(';')[0]}; set the environment variable {variable} there"
        raise StationError(address, f"can't make a client: {problem}") from None


def problem_of(order: Order, dask_worker: Any = None) -> str | None:
    """Returns why this worker can't do what it would be asked to, or None.

    For Dask's ``Client.run``, which passes in the worker.
    """
    try:
        make_client(order, dask_worker.address)
    except StationError as error:
        return str(error)
    return None


class Station:
    """Polls for one caller in one process.

    Args:
        order: What the caller wants.
        dask: The worker's client of Dask's.
        worker: The address of the worker.

    Attributes:
        trouble: Why it has ended of itself, or None.

    Raises:
        StationError: It can't be.
    """

    def __init__(self, order: Order, dask: Client, worker: str) -> None:
        self.trouble: str | None = None
        self._key = (order.caller, worker)
        self._worker = worker
        client = make_client(order, worker, on_event=self._listen)
        self._client: VideoTranslationClient | None = client
        self._scheduler = client._intake.scheduler
        self._clock: Clock = client._clock
        self._name = f"{order.caller}-{uuid.uuid4().hex}"
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._is_over = False
        self._heard_at = self._clock.monotonic()
        self._max_rate: float | None = 0.0
        # Only for its own thread, but for what single steps read:
        self._seats: dict[int, threading.Event] = {}
        self._waits: dict[int, StatusFuture] = {}
        self._numbers: dict[tuple[str | None, bool], int] = {}
        self._outbox: list[Any] = []
        self._turns: dict[type, Callable[[Any], None]] = {
            Begin: self._begin,
            Forget: self._forget,
            Hurry: self._hurry,
            Keep: self._keep,
            Leave: self._leave,
        }
        self._scheduler.log_nothing()  # the caller does
        self._scheduler.keep_to(_NO_RATE, 0.0)  # until the caller says otherwise
        _start(partial(self._run, dask), "station")

    def take(self, shard: int, left: threading.Event) -> None:
        """Has a shard sit here; sets ``left`` once it does not any more. Under the lock."""
        before = self._seats.get(shard)
        if before is not None:
            before.set()
        self._seats[shard] = left
        self._say(Seated(shard, self._name, self._worker))

    # On threads of the client

    def _listen(self, event: Event) -> None:
        if isinstance(event, Polled):
            number = self._numbers.get((event.job_id, event.is_check))
            if number is not None:  # pragma: no branch - or nobody wants to know any more
                self._say(Heard(number, _portable(event)))
        elif isinstance(event, Paced):
            self._say(Slowed(self._name, event))

    def _say(self, message: Any) -> None:
        self._inbox.put(partial(self._outbox.append, message))

    # On the thread of the mailbox

    def _read(self, mailbox: Mailbox) -> None:
        try:
            while not self._is_over:
                self._inbox.put(partial(self._take, mailbox.get()))
        except ClusterError as error:
            self._inbox.put(partial(self._close, str(error)))

    # On its own thread

    def _run(self, dask: Client) -> None:
        try:
            caller, mailbox = Mailbox(dask, self._key[0]), Mailbox(dask, self._name)
            _start(partial(self._read, mailbox), "mailbox")
            while not self._is_over:
                self._work_off(caller)
            with contextlib.suppress(ClusterError):
                caller.release()
                mailbox.close()
        except ClusterError as error:  # pragma: no cover - the mailbox' thread may be faster
            self._close(str(error))
        except BaseException as error:
            self._close(type(error).__name__)
            raise

    def _work_off(self, caller: Mailbox) -> None:
        """Does what has come in, and sends what follows from it."""
        for work in all_in(self._inbox, HEARTBEAT):
            work()
        if self._is_over:
            return
        if self._clock.monotonic() - self._heard_at > LEASE:
            self._close("nothing was heard of the caller")
        elif self._outbox:
            parcel = self._outbox[:]
            self._outbox.clear()
            caller.put(parcel)

    def _take(self, messages: Sequence[Any]) -> None:
        if not messages:
            self._close("the caller has others go on")
        for message in messages:
            if not self._is_over:
                self._turns[type(message)](message)

    def _begin(self, begin: Begin) -> None:
        future = StatusFuture(begin.job_id, self._scheduler, self._clock, None, begin.hints)
        future.attempts = begin.attempts
        future.began -= begin.elapsed
        future.submitted_at -= begin.elapsed
        before = self._drop(begin.number)
        if before is not None:  # of a shard that sits here twice
            before.cancel()
        self._waits[begin.number] = future
        self._numbers[begin.job_id, begin.rules.is_check] = begin.number
        future.add_done_callback(partial(self._note_end, begin.number))
        start = Start(begin.seconds, patience=begin.patience)
        self._scheduler.submit((future,), begin.rules, start)

    def _note_end(self, number: int, future: StatusFuture) -> None:
        self._inbox.put(partial(self._end, number, future))

    def _end(self, number: int, future: StatusFuture) -> None:
        if self._waits.get(number) is future:  # or else nobody wants to know
            self._drop(number)
            self._outbox.append(Over(number, _portable(future.ends[0])))

    def _forget(self, forget: Forget) -> None:
        future = self._drop(forget.number)
        if future is not None:  # pragma: no branch - or it has just ended
            future.cancel()

    def _drop(self, number: int) -> StatusFuture | None:
        future = self._waits.pop(number, None)
        if future is not None:
            for is_check in (False, True):
                if self._numbers.get((future.job_id, is_check)) == number:
                    del self._numbers[future.job_id, is_check]
        return future

    def _hurry(self, hurry: Hurry) -> None:
        future = self._waits.get(hurry.number)
        if future is not None:  # pragma: no branch - likewise
            if hurry.is_free:
                self._scheduler.nudge(future.job_id)
            else:
                future.poll_now()

    def _keep(self, keep: Keep) -> None:
        self._heard_at = self._clock.monotonic()
        if keep.max_rate != self._max_rate or keep.pause > 0:
            self._max_rate = keep.max_rate
            limit = None if keep.max_rate is None else max(keep.max_rate, _NO_RATE)
            self._scheduler.keep_to(limit, keep.pause)
        self._outbox.append(Alive(self._name, keep.max_rate))

    def _leave(self, leave: Leave) -> None:
        seat = self._seats.pop(leave.shard, None)
        if seat is not None:
            seat.set()
        if not self._seats:
            self._close(None)

    def _close(self, trouble: str | None) -> None:
        with _lock:  # so that no shard takes a seat that is about to go
            self._is_over = True
            self.trouble = trouble
            seats, self._seats = self._seats, {}
            _stations.pop(self._key, None)
        client, self._client = self._client, None  # they would keep each other alive
        if client is not None:  # pragma: no branch - or it has ended before
            client.shutdown(wait=False, cancel_futures=True)
        for seat in seats.values():
            seat.set()


def _start(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=f"video-translation-{name}", daemon=True).start()


def _portable(event: AnyEvent) -> AnyEvent:
    """Returns an event that can be pickled: an exception of anybody's code may not be."""
    if event.error is None or type(event.error) in _PORTABLE:
        return event
    why = f"{type(event.error).__name__} was raised"
    return replace(event, error=VideoTranslationError(why, event.job_id))
