"""One download: a fresh URL where one has expired, and again where it broke off.

    report -> source (which URL) -> files (HTTP) -> part (disk) -> target

A report comes from a future, or from one look at the job; that is the only thing asked of the
service besides the file itself.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional, TypeVar, Union

import requests

from .._base import arguments
from .._base.arguments import BadTypeError, BadValueError
from .._base.log import log
from .._http.endpoint import Endpoint
from .._http.files import FetchError, File, Files, Timed, shown
from .._http.retry_after import PacingHeaders
from ..clock import Clock
from ..errors import DownloadError, VideoTranslationError
from ..future import StatusFuture
from ..status import Status, StatusReport
from .places import Part, Place, stem_of
from .source import Source
from .which import VIDEO, kinds

Got = TypeVar("Got")
Job = Union[StatusFuture, str, None]
OnProgress = Optional[Callable[[int, Optional[int]], Any]]
Ask = Callable[[Optional[str], float], StatusReport]

# How servers say that a URL holds no longer; 400 is Google Cloud Storage's.
_EXPIRED = frozenset({400, 401, 403, 404, 410})

# Seconds for one look at a job.
_LOOK = 30.0

# Seconds after which a pause notices that nobody waits for its end.
_STEP = 0.1


class Limits(NamedTuple):
    """What one download may take: bytes, seconds in all and of silence, and attempts."""

    max_bytes: int | None
    timeout: float | None
    idle_timeout: float
    max_attempts: int

    @classmethod
    def of(cls, size: Any, timeout: Any, idle: Any, attempts: Any) -> Limits:
        """Returns those that a user gave.

        Raises:
            TypeError, ValueError: One of them makes no sense.
        """
        return cls(
            None if size is None else arguments.count("max_bytes", size),
            arguments.optional_number("timeout", timeout, above=0, none="no limit"),
            arguments.number("idle_timeout", idle, above=0, most=24 * 60 * 60.0),
            arguments.count("max_attempts", attempts),
        )


class Downloads:
    """Downloads files of the jobs of one service; safe for use from many threads.

    Args:
        endpoint: The service.
        session: The user's session, or None.
        clock: Measures the limits, and waits.
        ask: Returns how a job stands, within a number of seconds, or raises what failed.
        exchanges: Holds those of downloads under way, which any thread may abort.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        session: requests.Session | None,
        clock: Clock,
        ask: Ask,
        exchanges: set[Timed],
    ) -> None:
        self._endpoint, self._session, self._clock, self._ask = endpoint, session, clock, ask
        self._exchanges = exchanges

    def names(self, job: Any, limits: Any) -> list[str]:
        """Returns how a caller names the files of a job."""
        self._check_job(job)
        with self._run(job, Limits.of(*limits)) as run:
            return run.persist("the list of its files", run.source.names)

    def download(self, job: Any, path: Any, which: Any, on_progress: Any, limits: Any) -> Path:
        """Returns the path at which a file of a job is, once it is."""
        self._check_job(job)
        kind, label = self._checked(which)
        if on_progress is not None:
            arguments.callback("on_progress", on_progress)
        stem = stem_of(_id_of(job), kind, label, is_main=kind == VIDEO)
        place = Place(path, stem)
        with self._run(job, Limits.of(*limits)) as run, place.part() as part:
            transfer = _Transfer(run, part, kind, label, on_progress)
            return run.persist(f"its {which}", transfer.once)

    def _check_job(self, job: Any) -> None:
        if isinstance(job, StatusFuture):
            return
        if job is not None and not isinstance(job, str):
            problem = f"must be a StatusFuture, a job id or None, not {job!r}"
            raise BadTypeError("future_or_job_id", problem)
        self._endpoint.check_job_id(arguments.job_id(job))

    def _checked(self, which: Any) -> tuple[str, str]:
        """Returns the kind of file that is wanted, and its label."""
        if not isinstance(which, str):
            raise BadTypeError("which", f"must be a str such as {VIDEO!r}, not {which!r}")
        service = self._endpoint.service
        kind, colon, label = which.partition(":")
        if kind not in kinds(service) or (colon and not label):
            wanted = f"one of {', '.join(kinds(service))}, as of service {service.name!r}"
            raise BadValueError("which", f"must be {wanted}, not {which!r}")
        return kind, label

    @contextlib.contextmanager
    def _run(self, job: Job, limits: Limits) -> Iterator[_Run]:
        job_id = _id_of(job)
        exchange = Timed(self._clock, limits.timeout)
        look = partial(self._look, job_id, exchange)
        report = _report_of(job) if isinstance(job, StatusFuture) else look()
        where = self._endpoint.base_url, self._endpoint.headers()
        files = Files(self._session, *where, limits.idle_timeout, exchange)
        source = Source(self._endpoint.service, job_id, report, look, files)
        pacing = PacingHeaders(self._endpoint.service.pacing_headers)
        self._exchanges.add(exchange)
        try:
            with files:
                yield _Run(job_id, limits, self._clock, exchange, files, source, pacing)
        finally:
            self._exchanges.discard(exchange)

    def _look(self, job_id: str | None, exchange: Timed) -> StatusReport:
        return self._ask(job_id, max(0.001, min(_LOOK, exchange.left)))


class _Run:
    """What one call does: all its requests, within its limits."""

    def __init__(
        self,
        job_id: str | None,
        limits: Limits,
        clock: Clock,
        exchange: Timed,
        files: Files,
        source: Source,
        pacing: PacingHeaders,
    ) -> None:
        self.limits, self.files, self.source = limits, files, source
        self._job_id, self._clock, self._exchange, self._pacing = job_id, clock, exchange, pacing
        self._is_renewed = False

    def persist(self, what: str, once: Callable[[], Got]) -> Got:
        """Returns what ``once`` returns, which may fail in passing, or for want of a fresh URL.

        Raises:
            DownloadError: It failed for good.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return once()
            except FetchError as error:
                failure = error
            if failure.status_code in _EXPIRED and not self._is_renewed:
                self._is_renewed = True
                self._renew(what, failure)
                continue
            seconds = self._pause(attempt, failure)
            if seconds is None:
                raise self._error(what, failure) from failure.__cause__
            words = "%s; %s again in %.3g s"
            log(logging.INFO, words, self._error(what, failure), "it is fetched", seconds)
            self._sleep(seconds)

    def began(self) -> None:
        """Says that the URL was good: once it has expired, a fresh one may be had again."""
        self._is_renewed = False

    def _renew(self, what: str, failure: FetchError) -> None:
        try:
            self.source.renew()
        except (VideoTranslationError, RuntimeError) as error:  # RuntimeError: shut down
            why = error.reason if isinstance(error, VideoTranslationError) else error
            failure.reason += f", and no fresh URL could be had: {why}"
            raise self._error(what, failure) from error

    def _pause(self, attempt: int, failure: FetchError) -> float | None:
        """Returns the seconds until the next attempt; None: there is to be none."""
        asked = self._pacing.read(failure.headers, self._clock.time)[0]
        seconds = max(asked or 0.0, 2.0 ** (attempt - 1))
        if self._exchange.aborted:
            return None
        is_last = attempt >= self.limits.max_attempts or seconds >= self._exchange.left
        return None if is_last or not failure.passes else seconds

    def _sleep(self, seconds: float) -> None:
        # In steps, as on a virtual clock only a server's sleep may be given up in the middle.
        end = self._clock.monotonic() + seconds
        while not self._exchange.aborted and self._clock.monotonic() < end:
            self._clock.sleep(min(_STEP, end - self._clock.monotonic()))

    def _error(self, what: str, failure: FetchError) -> DownloadError:
        why = failure.reason
        if self._exchange.aborted:
            why = "the client was shut down"
        elif self._exchange.left <= 0:  # whatever that has made of it
            why = f"it was not whole within {self.limits.timeout:g} s (timeout)"
        reason = f"{what} could not be downloaded from {failure.url}: {why}"
        return DownloadError(reason, self._job_id, failure.status_code, url=failure.url)


class _Transfer:
    """How one file gets onto the disk, in one or several attempts."""

    def __init__(
        self, run: _Run, part: Part, kind: str, label: str, on_progress: OnProgress
    ) -> None:
        self._run, self._part, self._kind, self._label = run, part, kind, label
        self._on_progress = on_progress
        self._tag: str | None = None  # the version of which a part is there, if more may be had
        self._total: int | None = None  # its bytes in all

    def once(self) -> Path:
        """Fetches the file, or what is missing of it.

        Raises:
            FetchError: It did not come whole.
        """
        url = self._run.source.url(self._kind, self._label)
        try:
            file = self._run.files.open(url, self._part.size, self._tag)
        except FetchError as error:
            if error.status_code == 416 and self._tag is not None:  # there is no such rest
                self._begin_anew()
                error.passes = True
            raise
        try:
            self._run.began()
            self._receive(file)
        finally:
            file.close()
        return self._part.settle(file.url, file.headers.get("Content-Type", ""))

    def _receive(self, file: File) -> None:
        part = self._part
        if file.begin == 0:
            part.clear()
            self._tag, self._total = file.tag, file.total
        elif not self._is_rest(file):
            self._begin_anew()
            problem = "not the rest came of what is there"
            raise FetchError(problem, shown(file.url), passes=True)
        self._tell(file)
        for piece in file.pieces():
            part.write(piece)
            self._tell(file)
        if self._total is not None and part.size != self._total:
            problem = f"it broke off after {part.size} of {self._total} bytes"
            raise FetchError(problem, shown(file.url), passes=True)

    def _is_rest(self, file: File) -> bool:
        """Whether what comes goes on where what is there ends, of the same version.

        A server may not know ``If-Range``, and a fresh URL may lead to another one (RFC 9110,
        15.3.7: the rest has the same tag).
        """
        same_size = file.total in (None, self._total) or self._total is None
        return file.begin == self._part.size and file.tag == self._tag and same_size

    def _begin_anew(self) -> None:
        self._part.clear()
        self._tag = self._total = None

    def _tell(self, file: File) -> None:
        most = self._run.limits.max_bytes
        if most is not None and max(self._part.size, self._total or 0) > most:
            raise FetchError(f"it is over {most} bytes (max_bytes)", shown(file.url))
        if self._on_progress is not None:
            self._on_progress(self._part.size, self._total)


def _id_of(job: Job) -> str | None:
    return job.job_id if isinstance(job, StatusFuture) else job


def _report_of(future: StatusFuture) -> StatusReport:
    """Returns what the service said last of a job that has completed."""
    if future.status is Status.COMPLETED and future.report is not None:
        return future.report
    problem = f"there is nothing to download, as its status is {str(future.status)!r}"
    if future.reason is not None:
        raise DownloadError(f"{problem} ({future.reason})", future.job_id)
    raise DownloadError(problem, future.job_id, advice="wait for future.result() first")
