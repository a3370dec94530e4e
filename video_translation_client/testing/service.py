"""The mock service: a WSGI app that answers for scripted jobs, in the words of a service.

What a job does follows from its script and the seed alone, so that neither threads nor the
order of requests change it. How a service puts that is in ``languages``. It opens no socket;
``MockServer`` does, or any WSGI server.
"""

from __future__ import annotations

import json
import math
import random
import socket
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Optional, Sequence

from .._base import arguments
from ..clock import Clock
from . import files
from .faults import Answer, Fault
from .files import ResultFile
from .jobs import Jobs
from .languages import Question, Request, language_of
from .received import Look, Received, ReceivedRequest
from .script import (
    Delivery,
    Duration,
    Job,
    JobPlan,
    JobScript,
    Poll,
    Standing,
    check_duration,
    check_flag,
    check_rate,
)
from .wsgi import base_of, is_closed, request_of

if TYPE_CHECKING:
    from typing import TypedDict

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    # Sends the body of a file over a connection, with a function that sleeps.
    Send = Callable[[Optional[socket.socket], Callable[[float], None]], Iterable[bytes]]

    class ServiceSettings(TypedDict, total=False):
        """The arguments of ``MockService``, for those who pass them on."""

        duration: Duration
        outcome: str | None
        error_rate: float | None
        fault_rate: float
        latency: float
        progress: bool
        strict: bool
        seed: int | None
        jobs: Mapping[str, JobScript] | Mapping[str | None, JobScript] | None
        keep_requests: int | None
        keep_jobs: int | None
        clock: Clock | None
        service: str | None
        result: ResultFile | bytes | None


# Real seconds for which a job is told to be pending at one and the same virtual moment, before that
# is taken for a mistake; whoever moves the clock by hand may need a moment.
_PATIENCE = 0.5

# How a client of the library begins to say who it is.
_OUR_CLIENT = "video-translation-client/"

_STANDS_STILL = (
    "this mock server is on a virtual clock that nobody moves, so the job would never end: pass the"
    " same clock= to the client, or move it by hand inside clock.paused()"
)


class MockService:
    """A WSGI app that plays a video translation service. Safe to use from any thread.

    ``GET /status`` asks for the one unnamed job (``None``), ``GET /status/<job_id>`` for a
    named one, ``GET /status?ids=a,b`` for several at once. Each job has its own clock, which
    starts at its first poll; a job without a script behaves as the settings say.

    With a ``service``, it is asked as that service documents, at its own root in place of the
    service's base URL. It takes any key, but wants one; it knows no unnamed job, has job ids of
    one segment, and tells no progress, of which none of the services has any.

    Args:
        duration: As in ``JobScript``, for the jobs whose script does not say.
        outcome: Likewise; None is ``"completed"``, or ``"random"`` with an ``error_rate``.
        error_rate: Likewise.
        fault_rate: Likewise.
        latency: Seconds by which every answer is late (0 or more). It tells how things stood
            when the request arrived.
        progress: As in ``JobScript``.
        strict: Answer 404 for named jobs without a script, and leave them out of a batch.
        seed: From what all chance is drawn; None draws a seed, which ``seed`` then tells.
        jobs: Scripts by job id.
        keep_requests: How many of the latest requests ``requests`` holds; None for all.
        keep_jobs: How many jobs without a script are remembered, next to those that have not
            ended; None for all. The one that ended first is forgotten first, and begins anew if
            it is asked for again.
        clock: What measures durations and waits. If it is a ``VirtualClock`` that nobody moves, a
            client of the library that is not on it would wait in real time for nothing: at its
            first poll after half a second of that, HTTP 409 tells it so in place of ``pending``.
            Within ``clock.paused()``, all is as usual.
        service: Whose language it speaks: ``"heygen"``, ``"elevenlabs"``, ``"azure"``,
            ``"sync"``, ``"synthesia"``, ``"murf"``, ``"deepdub"``, ``"camb"``, ``"vozo"``,
            ``"d-id"`` or ``"adobe"``; None is the default, described first.
        result: As in ``JobScript``; its URL is in ``url``, where the default is spoken.

    Raises:
        TypeError, ValueError: An argument is not as described; the message names it.
    """

    def __init__(
        self,
        *,
        duration: Duration = 5.0,
        outcome: str | None = None,
        error_rate: float | None = None,
        fault_rate: float = 0.0,
        latency: float = 0.0,
        progress: bool = False,
        strict: bool = False,
        seed: int | None = None,
        jobs: Mapping[str, JobScript] | Mapping[str | None, JobScript] | None = None,
        keep_requests: int | None = None,
        keep_jobs: int | None = None,
        clock: Clock | None = None,
        service: str | None = None,
        result: ResultFile | bytes | None = None,
    ) -> None:
        self._language = language_of(service)
        check_duration(duration)  # unlike a script's, it can't be None
        told = (Delivery(),)
        usual = JobScript(
            duration, outcome, error_rate, progress, {}, fault_rate, result=result, webhooks=told
        )
        self._latency = arguments.number("latency", latency, least=0)
        check_flag("strict", strict)
        check_flag("progress", progress)
        check_rate("fault_rate", fault_rate)
        self._clock = Clock() if clock is None else arguments.instance("clock", clock, Clock)
        self._interrupt = threading.Event()
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise TypeError(f"seed must be a whole number or None, not {seed!r}")
        if keep_requests is not None:
            arguments.count("keep_requests", keep_requests)
        if keep_jobs is not None:
            arguments.count("keep_jobs", keep_jobs)
        self.seed = random.SystemRandom().getrandbits(32) if seed is None else seed
        self._jobs = Jobs(usual, self.seed, strict=strict, keep=keep_jobs)
        self._received = Received(keep_requests)
        # Protects both, and each job: polls are counted in order of arrival.
        self._lock = threading.Lock()
        # Likewise: since when, in real time, jobs were told to be pending on a clock that stands
        # still, and where it stood.
        self._told: dict[str | None, tuple[float, float]] = {}
        for job_id, script in ({} if jobs is None else arguments.mapping("jobs", jobs)).items():
            self._add(job_id, script)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests so far, in order of arrival: a list of the caller's own."""
        with self._lock:
            return self._received.all()

    def job(
        self,
        job_id: str | None = None,
        *,
        duration: Duration | None = None,
        outcome: str | None = None,
        error_rate: float | None = None,
        progress: bool | None = None,
        faults: Mapping[int, Fault] | None = None,
        fault_rate: float | None = None,
        result_after: float = 0.0,
        result: ResultFile | bytes | None = None,
        webhooks: tuple[Delivery, ...] | None = None,
    ) -> JobPlan:
        """Scripts a job, as ``JobScript`` describes; one seen before begins anew.

        Returns:
            What the job will do.
        """
        script = JobScript(
            duration,
            outcome,
            error_rate,
            progress,
            faults or {},
            fault_rate,
            result_after,
            result,
            webhooks,
        )
        return self._add(job_id, script)

    def plan(self, job_id: str | None = None) -> JobPlan:
        """Returns what a job does, without counting as a poll of it.

        Raises:
            ValueError: The service is strict and the job has no script.
        """
        arguments.job_id(job_id)
        with self._lock:
            job = self._jobs.find(job_id)
        if job is None:
            raise ValueError(f"job_id must be a scripted one (strict=True), not {job_id!r}")
        return job.plan

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request, as WSGI (PEP 3333) wants it."""
        answer, fault, send = self._receive(environ)
        connection = environ.get("werkzeug.socket")
        sleep = partial(self._sleep, connection)
        if self._latency:
            sleep(self._latency)
        if send is not None:
            answer = answer._replace(body=send(connection, sleep))
        if fault is None:
            return answer.send(start_response)
        return fault.play(answer, environ, start_response, sleep)

    def _receive(self, environ: WSGIEnvironment) -> tuple[Answer, Fault | None, Send | None]:
        """Returns the ordinary answer, what goes wrong with it, and how its file is sent."""
        request, base = request_of(environ), base_of(environ)
        is_ours = request.headers.get("User-Agent", "").startswith(_OUR_CLIENT)
        is_futile = is_ours and self._clock.stands_still()
        with self._lock:
            now = self._clock.monotonic()
            question = self._question(request)
            found = (self._poll(job_id, now, base) for job_id in question.job_ids)
            standings = [standing for standing in found if standing is not None]
            polls = tuple(standing.poll for standing in standings)
            if question.target is None:
                answer, send = _answer(*question.write(standings)), None
            else:
                answer, send = self._file(question.target, request, now)
            fault = next((poll.fault for poll in polls if poll.fault is not None), None)
            if is_futile and self._tells_in_vain(polls, now):
                answer = _answer(*self._language.refuse(409, _STANDS_STILL).write(()))
            method, path, query, headers = request
            self._received.add(
                ReceivedRequest(
                    now, method, path, query, headers, question.job_ids, polls, answer.code, fault
                )
            )
        return answer, fault, send

    def _question(self, request: Request) -> Question:
        if not request.path.startswith(files.PATH):
            return self._language.read(request, self._jobs.known)
        target = files.read_url(request.path, request.query, self.seed)
        if target is None:
            return self._language.refuse(403, "the URL of the result is none of this server")
        return Question((), lambda _: (200, {}), target)

    def _file(
        self, target: files.Target, request: Request, now: float
    ) -> tuple[Answer, Send | None]:
        job = self._jobs.known.get(target.job_id)
        file = None if job is None else job.result_at(now)
        if job is None or file is None or now >= target.expires:
            problem = 403, "the URL of the result has expired, or there is none"
        elif file.needs_key and not files.has_key(request.headers):
            problem = 401, "the result wants a key"
        else:
            answer = files.answer(file, target.name, request.headers)
            is_cut = job.begin_download()
            return answer, partial(files.sent, answer.body, file, is_cut)
        return _answer(problem[0], self._language.problem(*problem)), None

    def _tells_in_vain(self, polls: Sequence[Poll], now: float) -> bool:
        """Says whether clients have been told for long, at this moment, that a job is pending.

        One look says nothing of a wait: whoever takes it may move the clock before the next.
        """
        real = Clock().monotonic()
        pending = [poll.job_id for poll in polls if poll.status == "pending"]
        for job_id in pending:
            if self._told.get(job_id, (0.0, -1.0))[1] != now:
                self._told[job_id] = (real, now)
        return any(real - self._told[job_id][0] >= _PATIENCE for job_id in pending)

    def _look(self, since: int) -> Look:
        """Returns what is kept of the requests from number ``since`` on, counted from 0."""
        with self._lock:
            return self._received.look(since, self._clock.monotonic(), self._jobs.known)

    def _sleep(self, connection: socket.socket | None, seconds: float) -> None:
        def given_up() -> bool:
            return self._interrupt.is_set() or is_closed(connection)

        self._clock.sleep(seconds, given_up)
        if is_closed(connection):
            raise ConnectionAbortedError("the client has closed the connection")

    def _add(self, job_id: str | None, script: JobScript) -> JobPlan:
        arguments.job_id(job_id)
        if not isinstance(script, JobScript):
            raise TypeError(f"jobs must have a JobScript for job {job_id!r}, not {script!r}")
        with self._lock:
            return self._jobs.add(job_id, script)

    def _begin(self, job: Job) -> None:
        """Hears of each job that begins, under the lock; for who tells of its end."""

    def _poll(self, job_id: str | None, now: float, base: str) -> Standing | None:
        job = self._jobs.find(job_id)
        if job is None:
            return None
        standing = job.poll(now)
        if standing.poll.number == 1:
            self._begin(job)
        file = job.result_at(now)
        if file is not None:
            seconds = math.inf if file.expires is None else file.expires
            url = partial(_url_of, base, job_id, now + seconds, self.seed)
            standing = standing._replace(url_of=url)
        self._jobs.keep(job_id, job, now)
        return standing


def _url_of(base: str, job_id: str | None, expires: float, seed: int, name: str) -> str:
    return base + files.url_of(files.Target(name, job_id, expires), seed)


def _answer(code: int, payload: dict[str, Any]) -> Answer:
    body = json.dumps(payload).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if code == 405:
        headers.append(("Allow", "GET"))
    return Answer(code, tuple(headers), [body])
