"""What a user touches: arguments are checked here, and waits handed over to the scheduler."""

from __future__ import annotations

import random as random_module
import weakref
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, NoReturn, Sequence

import requests

from . import _settings
from ._base import arguments
from ._client import many
from ._client.checking import Checking
from ._client.parts import intake_of, transport_of
from ._client.resuming import Resuming
from ._client.terms import OF_CLIENT, Terms, TermsOfJobs
from ._downloads.calls import Downloading
from ._settings import Bounds, Limits, settle, settle_endpoint
from .clock import Clock
from .events import Listener
from .future import StatusFuture
from .services._definition import Service
from .status import Status
from .strategy import ExponentialBackoff, Strategy

if TYPE_CHECKING:
    import os

    from .store import Store


class VideoTranslationClient(Checking, Downloading, Resuming):
    """Waits for the jobs of one service, any number at a time, on a handful of threads.

    A client may be used from any thread at any moment, by signal handlers and finalizers too.
    No thread is started before the first ``submit``; then one dispatcher and a few workers serve
    all waits, at most ``max_concurrency`` that poll and one more for callbacks. Use the client as
    a context manager, or call ``shutdown()``, to end them.

    Args:
        base_url: Where the service stands, such as ``"https://example.com/api"``; the path of
            the status is appended. ``user:password@`` in it is used for authentication. May be
            left out where ``service`` says it.
        max_attempts: The most polls of one job, 1 or more; None for no such limit.
        max_wait_time: The most seconds of one wait, above 0; None for no such limit. The last
            poll is made just before, and the future ends then even if that poll hangs.
        initial_wait_time: Seconds between the first poll, made at once, and the second,
            above 0.
        backoff_factor: What each wait is multiplied by to give the next, 1 or more.
        jitter: The most seconds that chance adds to each wait, 0 or more.
        max_interval: The most seconds of one wait before jitter, above 0.
        request_timeout: The most seconds of one request, above 0, at most a day: from its start
            to the end of its answer, redirects included. It is aborted then. Only the resolution
            of the host's name, and connecting to each of its addresses, take time of their own.
        max_concurrency: The most requests under way at once, from 1 to 1000.
        max_rate: The most requests a second for all jobs together, above 0: each poll starts at
            least ``1 / max_rate`` seconds after the one before, and later after one that took
            several requests. None for no such limit but that of the service.
        min_interval: The least seconds from the start of one poll of a job to that of the next, 0
            or more, whatever the strategy says. None for what the service wants, which most do not
            say. The last poll before the deadline, ``poll_now()``, and reading the result of a job
            that has ended are not bound to it.
        service: The name of a known service, such as ``"heygen"``, or a ``Service``: how it
            spells its URLs and answers. Its own pacing and limits take the place of those that
            are left at their defaults. None is ``GET {base_url}/status`` -> ``{"result":
            "pending" | "completed" | "error"}``.
        api_key: Sent as the service wants it, by default as a bearer token (RFC 6750). None
            takes it from the service's environment variable.
        batch: Whether several jobs are asked for in one request, if the service has one for
            that. None: yes, unless it is the default service.
        max_payload: The most bytes of an answer's body, 0 or more, of which ``report.payload``
            keeps the decoded JSON; of a larger one it is None, and the rest of the report is read
            all the same. Over 1 MiB no answer is read.
        strategy: Says how long to wait after each poll, in place of exponential backoff by
            the four arguments for it, or of the service's own pace. What the client would do
            without it is what it falls back on: ``moment.fallback``, and what is done where the
            strategy fails. ``strategy.Strategy`` gives its contract.
        session: A ``requests.Session`` to send requests with; it is not closed. Its headers
            are read once, when the client is made; its ``auth`` and cookies with every poll.
            Where its class overrides ``request``, each poll goes through that.
        on_event: Called as ``on_event(event)`` with each ``Submitted``, ``Polled``, ``Paced`` and
            ``Ended`` of ``events``, on a worker thread, in order for each job; or several such.
            What it raises is logged and changes nothing.
        store: A file that keeps the waits, so that they outlive the process: its path, or a
            ``store.Store``. ``submit`` of a job that is waited for already, here or in another
            process with the same file, attaches to that wait.
        account: With a store, a label for whose jobs they are, where several users have jobs at one
            service: any non-empty text, kept in the file.
        clock: For tests: a ``testing.VirtualClock``.
        random: For tests: a function that returns a number from [0, 1), for the jitter.
        **variables: Text for the named parts of the service's URLs and headers, such as
            ``region="westeurope"`` for ``"azure"``; otherwise taken from the environment.

    Raises:
        TypeError, ValueError: A bad argument, named in the message.
        OSError: The store can't be used, with the reason.

    Warns:
        UserWarning: Limits contradict each other, or waits what the service wants, with the
            numbers.
    """

    # For a class made of this one: what polls in place of the scheduler of every client, and how
    # many calls there are from the user's line to here.
    _make_scheduler: Callable[..., Any] | None = None
    _depth = 0

    def __init__(
        self,
        base_url: str | None = None,
        max_attempts: int | None = _settings.MAX_ATTEMPTS,
        max_wait_time: float | None = _settings.MAX_WAIT_TIME,
        initial_wait_time: float = _settings.INITIAL_WAIT_TIME,
        backoff_factor: float = _settings.BACKOFF_FACTOR,
        jitter: float = _settings.JITTER,
        *,
        max_interval: float = _settings.MAX_INTERVAL,
        request_timeout: float = 10.0,
        max_concurrency: int = 16,
        max_rate: float | None = None,
        min_interval: float | None = None,
        service: Service | str | None = None,
        api_key: str | None = None,
        batch: bool | None = None,
        max_payload: int = 65536,
        strategy: Strategy | None = None,
        session: requests.Session | None = None,
        on_event: Listener | Sequence[Listener] = (),
        store: Store | str | os.PathLike[str] | None = None,
        account: str | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = random_module.random,
        **variables: str,
    ) -> None:
        endpoint = settle_endpoint(service, base_url, api_key, variables, batch, session)
        backoff = ExponentialBackoff(initial_wait_time, backoff_factor, jitter, max_interval)
        limits = Limits(max_attempts, max_wait_time, max_rate)
        bounds = Bounds(max_concurrency, request_timeout, max_payload)
        choices = endpoint, strategy, backoff, limits, min_interval, bounds, on_event, clock, random
        settings = settle(*choices, self._depth)
        transport = transport_of(settings, session)
        self._session, self._exchanges, self._terms = session, set(), TermsOfJobs(settings)
        self._endpoint, self._clock, self._base_url = endpoint, settings.clock, transport.base_url
        self._intake = intake_of(settings, transport, store, account, self._make_scheduler)
        # A client that is dropped takes no more jobs; what it waits for still ends.
        weakref.finalize(self, self._intake.scheduler.abandon).atexit = False

    def submit(
        self,
        job_id: str | None = None,
        on_update: Callable[[Status], Any] | None = None,
        *,
        age: float | None = None,
        expected: float | None = None,
        group: str | None = None,
        max_wait_time: float | None = OF_CLIENT,
        max_attempts: int | None = OF_CLIENT,
    ) -> StatusFuture:
        """Starts to wait for a job and returns at once; its first poll is made at once.

        Args:
            job_id: Any non-empty text but ``.`` and ``..``; None for a service with one
                unnamed job. The same job may be waited for more than once.
            on_update: Called as ``on_update(status)`` on a worker thread with every status
                received, in order, one at a time; the last one before the future is done,
                unless its deadline, or a pause beyond it, comes first. What it raises is logged and
                changes nothing.
            age: Seconds for which the job has been running already, 0 or more, for a strategy and
                for ``eta``; None: not known.
            expected: Seconds that the job is expected to take from its start, above 0, likewise.
            group: What kind of job it is, such as ``"fast/de"``, for a strategy that learns from
                jobs of the same kind: any non-empty text.
            max_wait_time: The most seconds of this wait, above 0; None for no such limit. Left
                out, that of the client; where nobody has chosen one, that of the service, or ten
                times ``expected`` if that is more.
            max_attempts: The most polls of this wait, 1 or more; None for no such limit. Left out,
                that of the client.

        Raises:
            TypeError, ValueError: A bad argument, named in the message.
            RuntimeError: After ``shutdown``.

        Warns:
            UserWarning: The job is expected to end after ``max_wait_time``, or ``max_attempts`` is
                spent long before it, with the numbers.
        """
        terms = self._terms.of_wait(age, expected, group, max_wait_time, max_attempts)
        future = self._make_future(job_id, on_update, terms)
        self._intake.submit((future,), terms.rules)
        return future

    def get_status(
        self,
        job_id: str | None = None,
        on_update: Callable[[Status], Any] | None = None,
        *,
        age: float | None = None,
        expected: float | None = None,
        group: str | None = None,
        max_wait_time: float | None = OF_CLIENT,
        max_attempts: int | None = OF_CLIENT,
    ) -> Status:
        """Waits for a job and returns how it ended: ``completed``, ``error`` or ``timeout``.

        Blocks for up to ``max_wait_time``. Ctrl-C interrupts it and ends the wait. Not to be
        called from a callback of the same client, whose worker it would keep. All arguments are
        those of ``submit``.

        Raises:
            RejectedError: No poll of this job can succeed.
            TypeError, ValueError, RuntimeError: As for ``submit``.
        """
        terms = self._terms.of_wait(age, expected, group, max_wait_time, max_attempts)
        future = self._make_future(job_id, on_update, terms)
        try:
            self._intake.submit((future,), terms.rules)
            return future.result()
        finally:
            self._intake.leave(future)

    def submit_all(
        self,
        job_ids: Iterable[str],
        on_update: Callable[[Status], Any] | None = None,
        *,
        age: float | None = None,
        expected: float | None = None,
        group: str | None = None,
        max_wait_time: float | None = OF_CLIENT,
        max_attempts: int | None = OF_CLIENT,
    ) -> list[StatusFuture]:
        """Starts to wait for many jobs and returns at once; where it can be, they share requests.

        ``job_ids`` are any number of ids, of which all are checked before the first is submitted;
        a plain str is refused. All other arguments are those of ``submit``, and hold for each job.

        Returns:
            A future for each, in the order of ``job_ids``.

        Raises:
            TypeError, ValueError, RuntimeError: As for ``submit``; then none is waited for.
        """
        terms = self._terms.of_wait(age, expected, group, max_wait_time, max_attempts)
        if on_update is not None:
            arguments.callback("on_update", on_update)
        ids = many.ids_of(job_ids, self._endpoint.check_job_id)
        make = partial(self._intake.make, on_update=on_update, hints=terms.hints)
        return many.submit(ids, make, self._intake, terms.rules)

    @staticmethod
    def as_completed(
        futures: Iterable[StatusFuture], timeout: float | None = None
    ) -> Iterator[StatusFuture]:
        """Yields futures as they end, each once, as ``concurrent.futures.as_completed`` does.

        Args:
            futures: Any, of several clients too. Those that have ended come first, in the order of
                their ends.
            timeout: The most seconds from this call on, 0 or more; None for no limit.

        Raises:
            TypeError, ValueError: A bad argument, named in the message.
            concurrent.futures.TimeoutError: From the iterator: the time is over; all go on.
        """
        return many.as_completed(futures, timeout)

    def poll_now(self, job_id: str | None = None) -> None:
        """Asks for a job as soon as possible, for instance because a webhook speaks of it.

        It may be called by anybody: it costs no attempt of the waits for the job, puts off no poll
        of theirs, and causes at most one a second; a call before that second is over has one come
        then. A job that is not waited for is not asked for. Returns at once; any thread may call it
        at any moment, and after ``shutdown``.

        Args:
            job_id: As for ``submit``.

        Raises:
            TypeError, ValueError: It can't be that of a job.
        """
        self._endpoint.check_job_id(arguments.job_id(job_id))
        self._intake.nudge(job_id)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more jobs, as ``concurrent.futures.Executor.shutdown`` does.

        Args:
            wait: Block until all futures are done and the threads have ended. In a callback
                that runs because a future was answered, ended or cancelled, it never blocks.
            cancel_futures: Cancel all futures that are not done, and end downloads under way.
        """
        if cancel_futures:
            self._abort_downloads()
        self._intake.shutdown(wait, cancel_futures)

    def _make_future(
        self, job_id: str | None, on_update: Callable[[Status], Any] | None, terms: Terms
    ) -> StatusFuture:
        if on_update is not None:
            arguments.callback("on_update", on_update)
        self._endpoint.check_job_id(arguments.job_id(job_id))
        future: StatusFuture = self._intake.make(job_id, on_update, terms.hints)
        return future

    def __enter__(self) -> VideoTranslationClient:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Who presses Ctrl-C, or exits, does not want to wait for all futures first.
        leaves = exc_type is not None and not issubclass(exc_type, Exception)
        self.shutdown(wait=not leaves, cancel_futures=leaves)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a VideoTranslationClient can't be pickled: make one in each process")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url}>"
