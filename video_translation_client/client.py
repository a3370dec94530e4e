"""What a user touches: arguments are checked here, and waits handed over to the scheduler."""

from __future__ import annotations

import random as random_module
import weakref
from types import TracebackType
from typing import Any, Callable, NoReturn

import requests

from . import arguments
from .clock import Clock
from .future import StatusFuture
from .limits import DEFAULT_WAIT_TIME, Limits
from .planner import Planner
from .poller import Poller
from .scheduler import Scheduler
from .service import DEFAULT, Service
from .status import Status
from .strategy import ExponentialBackoff, Strategy
from .throttle import Throttle
from .transport import Transport

_DAY = 24 * 60 * 60.0
_MOST_WORKERS = 1000


class VideoTranslationClient:
    """Waits for the jobs of one service, any number at a time, on a handful of threads.

    A client may be used from any thread, but not from a signal handler, which may interrupt
    its own thread while that holds a lock: set a flag there instead. No thread is started
    before the first ``submit``; then one dispatcher and a few workers serve all waits, at most
    ``max_concurrency`` that poll and one more for callbacks. Use the client as a context
    manager, or call ``shutdown()``, to end them.

    Args:
        base_url: Where the service stands, such as ``"https://example.com/api"``; the path of
            the status is appended. ``user:password@`` in it is used for authentication.
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
        max_rate: The most requests a second for all jobs together, above 0: each starts at
            least ``1 / max_rate`` seconds after the one before. None for no such limit.
        service: How the service spells its URLs and answers; None is ``GET {base_url}/status``
            -> ``{"result": "pending" | "completed" | "error"}``.
        api_key: Sent as the service wants it, by default as a bearer token (RFC 6750).
        strategy: Says how long to wait after each poll, in place of exponential backoff by
            the four arguments for it; ``strategy.Strategy`` gives its contract.
        session: A ``requests.Session`` to send requests with; it is not closed. Its headers
            are read once, when the client is made; its ``auth`` and cookies with every poll.
        clock: For tests: a ``testing.VirtualClock``.
        random: For tests: a function that returns a number from [0, 1), for the jitter.

    Raises:
        TypeError, ValueError: A bad argument, named in the message.

    Warns:
        UserWarning: Limits contradict each other, with the numbers.
    """

    def __init__(
        self,
        base_url: str,
        max_attempts: int | None = 10,
        max_wait_time: float | None = DEFAULT_WAIT_TIME,
        initial_wait_time: float = 1.0,
        backoff_factor: float = 2.0,
        jitter: float = 0.5,
        *,
        max_interval: float = 30.0,
        request_timeout: float = 10.0,
        max_concurrency: int = 16,
        max_rate: float | None = None,
        service: Service | None = None,
        api_key: str | None = None,
        strategy: Strategy | None = None,
        session: requests.Session | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        checked_url = arguments.base_url(base_url)
        limits = Limits(
            None if max_attempts is None else arguments.count("max_attempts", max_attempts),
            arguments.optional_number("max_wait_time", max_wait_time, above=0, none="no limit"),
        )
        backoff = ExponentialBackoff(initial_wait_time, backoff_factor, jitter, max_interval)
        if strategy is None:
            limits.warn_of_contradictions(backoff)
            strategy = backoff
        arguments.callback("strategy", strategy)
        request_timeout = arguments.number("request_timeout", request_timeout, above=0, most=_DAY)
        max_concurrency = arguments.count("max_concurrency", max_concurrency, most=_MOST_WORKERS)
        throttle = Throttle(
            arguments.optional_number("max_rate", max_rate, above=0, none="no limit")
        )
        service = DEFAULT if service is None else arguments.instance("service", service, Service)
        api_key = arguments.api_key(api_key)
        if session is not None:
            arguments.instance("session", session, requests.Session)
            arguments.verification(session.verify)
        try:
            transport = Transport(
                session, checked_url, service.headers(api_key), request_timeout, max_concurrency
            )
        except requests.RequestException as error:
            # The error's own text may hold a header's value, so it is left out.
            raise ValueError(
                f"no request can be made of base_url and session: {type(error).__name__}"
            ) from None
        if api_key is not None and transport.base_url != checked_url:
            raise ValueError("api_key and credentials in base_url contradict each other; give one")
        self._clock = Clock() if clock is None else arguments.instance("clock", clock, Clock)
        self._base_url = transport.base_url
        self._scheduler = Scheduler(
            Poller(transport, service, self._clock),
            Planner(strategy, limits, arguments.callback("random", random)),
            throttle,
            limits,
            request_timeout,
            max_concurrency,
            self._clock,
        )
        # A client that is dropped takes no more jobs; what it waits for still ends.
        weakref.finalize(self, self._scheduler.abandon).atexit = False

    def submit(
        self, job_id: str | None = None, on_update: Callable[[Status], Any] | None = None
    ) -> StatusFuture:
        """Starts to wait for a job and returns at once; its first poll is made at once.

        Args:
            job_id: Any non-empty text but ``.`` and ``..``; None for a service with one
                unnamed job. The same job may be waited for more than once.
            on_update: Called as ``on_update(status)`` on a worker thread with every status
                received, in order, one at a time; the last one before the future is done,
                unless its deadline comes first. What it raises is logged and changes nothing.

        Raises:
            TypeError, ValueError: A bad argument, named in the message.
            RuntimeError: After ``shutdown``.
        """
        if on_update is not None:
            arguments.callback("on_update", on_update)
        future = StatusFuture(arguments.job_id(job_id), self._scheduler, self._clock, on_update)
        self._scheduler.submit(future)
        return future

    def get_status(
        self, job_id: str | None = None, on_update: Callable[[Status], Any] | None = None
    ) -> Status:
        """Waits for a job and returns how it ended: ``completed``, ``error`` or ``timeout``.

        Blocks for up to ``max_wait_time``. Ctrl-C interrupts it and ends the wait. Not to be
        called from a callback of the same client, whose worker it would keep.

        Args:
            job_id: As for ``submit``.
            on_update: As for ``submit``.

        Raises:
            RejectedError: No poll of this job can succeed.
            TypeError, ValueError, RuntimeError: As for ``submit``.
        """
        future = self.submit(job_id, on_update)
        try:
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
