"""What a user touches: arguments are checked here, and waits handed over to the scheduler."""

from __future__ import annotations

import random as random_module
import warnings
import weakref
from types import TracebackType
from typing import Any, Callable, NoReturn, Sequence

import requests

from . import _contradictions, _settings
from ._base import arguments
from ._http.poller import Poller
from ._http.transport import Transport
from ._scheduling.advice import Advice, Range
from ._scheduling.asking import Asking
from ._scheduling.listeners import Listeners
from ._scheduling.scheduler import Scheduler
from ._settings import Bounds, Limits, Settings, settle, settle_endpoint
from .clock import Clock
from .events import Listener
from .future import StatusFuture
from .services._definition import Service
from .status import NO_HINTS, Hints, Status
from .strategy import ExponentialBackoff, Moment, Strategy


class VideoTranslationClient:
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
        clock: For tests: a ``testing.VirtualClock``.
        random: For tests: a function that returns a number from [0, 1), for the jitter.
        **variables: Text for the named parts of the service's URLs and headers, such as
            ``region="westeurope"`` for ``"azure"``; otherwise taken from the environment.

    Raises:
        TypeError, ValueError: A bad argument, named in the message.

    Warns:
        UserWarning: Limits contradict each other, or waits what the service wants, with the
            numbers.
    """

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
        clock: Clock | None = None,
        random: Callable[[], float] = random_module.random,
        **variables: str,
    ) -> None:
        endpoint = settle_endpoint(service, base_url, api_key, variables, batch, session)
        backoff = ExponentialBackoff(initial_wait_time, backoff_factor, jitter, max_interval)
        limits = Limits(max_attempts, max_wait_time, max_rate)
        bounds = Bounds(max_concurrency, request_timeout, max_payload)
        settings = settle(
            endpoint, strategy, backoff, limits, min_interval, bounds, on_event, clock, random
        )
        transport = _transport_of(settings, session)
        self._max_wait_time = settings.limits.max_wait_time
        self._endpoint, self._clock, self._base_url = endpoint, settings.clock, transport.base_url
        self._scheduler = _scheduler_of(settings, transport)
        # A client that is dropped takes no more jobs; what it waits for still ends.
        weakref.finalize(self, self._scheduler.abandon).atexit = False

    def submit(
        self,
        job_id: str | None = None,
        on_update: Callable[[Status], Any] | None = None,
        *,
        age: float | None = None,
        expected: float | None = None,
        group: str | None = None,
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

        Raises:
            TypeError, ValueError: A bad argument, named in the message.
            RuntimeError: After ``shutdown``.

        Warns:
            UserWarning: The job is expected to end after ``max_wait_time``, with both numbers.
        """
        future = self._make_future(job_id, on_update, age, expected, group)
        self._scheduler.submit(future)
        return future

    def get_status(
        self,
        job_id: str | None = None,
        on_update: Callable[[Status], Any] | None = None,
        *,
        age: float | None = None,
        expected: float | None = None,
        group: str | None = None,
    ) -> Status:
        """Waits for a job and returns how it ended: ``completed``, ``error`` or ``timeout``.

        Blocks for up to ``max_wait_time``. Ctrl-C interrupts it and ends the wait. Not to be
        called from a callback of the same client, whose worker it would keep.

        Args:
            job_id: As for ``submit``.
            on_update: As for ``submit``.
            age: As for ``submit``.
            expected: As for ``submit``.
            group: As for ``submit``.

        Raises:
            RejectedError: No poll of this job can succeed.
            TypeError, ValueError, RuntimeError: As for ``submit``.
        """
        future = self._make_future(job_id, on_update, age, expected, group)
        try:
            self._scheduler.submit(future)
            return future.result()
        finally:
            future.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more jobs, as ``concurrent.futures.Executor.shutdown`` does.

        Args:
            wait: Block until all futures are done and the threads have ended. In a callback
                that runs because a future was answered, ended or cancelled, it never blocks.
            cancel_futures: Cancel all futures that are not done.
        """
        self._scheduler.shutdown(wait, cancel_futures)

    def _make_future(
        self,
        job_id: str | None,
        on_update: Callable[[Status], Any] | None,
        age: float | None,
        expected: float | None,
        group: str | None,
    ) -> StatusFuture:
        """Returns a future by what a caller's caller gave."""
        if on_update is not None:
            arguments.callback("on_update", on_update)
        self._endpoint.check_job_id(arguments.job_id(job_id))
        hints = _hints_of(age, expected, group)
        for contradiction in _contradictions.of_hints(hints, self._max_wait_time):
            warnings.warn(contradiction, stacklevel=3)
        return StatusFuture(job_id, self._scheduler, self._clock, on_update, hints)

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


def _hints_of(age: float | None, expected: float | None, group: str | None) -> Hints:
    if age is None and expected is None and group is None:
        return NO_HINTS
    return Hints(
        None if age is None else arguments.number("age", age, least=0),
        arguments.optional_number("expected", expected, above=0, none="not known"),
        None if group is None else arguments.word("group", group),
    )


def _transport_of(settings: Settings, session: requests.Session | None) -> Transport:
    endpoint = settings.endpoint
    try:
        return Transport(
            session,
            endpoint.base_url,
            endpoint.service.method,
            endpoint.headers(),
            settings.bounds.request_timeout,
            settings.bounds.max_concurrency,
        )
    except requests.RequestException as error:
        # The error's own text may hold a header's value, so it is left out.
        raise ValueError(
            f"no request can be made of base_url and session: {type(error).__name__}"
        ) from None


def _scheduler_of(settings: Settings, transport: Transport) -> Scheduler:
    bounds, clock, of_service = settings.bounds, settings.clock, settings.of_service
    poller = Poller(transport, settings.endpoint, clock, bounds.max_payload)
    strategy = of_service if settings.strategy is None else settings.strategy
    listeners = Listeners(settings.listeners, getattr(strategy, "ended", None))
    advice = Advice(settings.strategy, of_service, settings.backoff, _plain_estimate, listeners)
    return Scheduler(
        poller,
        Asking(poller, advice, settings.random, settings.rules, listeners, clock),
        settings.rules,
        listeners,
        settings.limits.max_rate,
        bounds.request_timeout,
        bounds.max_concurrency,
        clock,
    )


def _plain_estimate(moment: Moment) -> Range | None:
    # Here, as its room is large, and a program that asks for no ``eta`` does not need it.
    from .timing.estimates import plain_estimate  # noqa: PLC0415

    return plain_estimate(moment)
