"""The mock service: a WSGI app that answers for scripted jobs, in the default service's words.

What a job does follows from its script and the seed alone, so that neither threads nor the
order of requests change it. It opens no socket; ``MockServer`` does, or any WSGI server.
"""

from __future__ import annotations

import collections
import json
import random
import selectors
import socket
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Iterable, Mapping, NamedTuple
from urllib.parse import parse_qs

from .. import arguments
from ..clock import Clock
from .faults import Answer, Fault
from .script import (
    Duration,
    Job,
    JobPlan,
    JobScript,
    Poll,
    check_duration,
    check_flag,
    check_rate,
    merge,
)

if TYPE_CHECKING:
    from typing import TypedDict

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

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
        clock: Clock | None


_PATH = "/status"


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it arrived, and what it got.

    Attributes:
        time: When it arrived, in the clock's seconds.
        method: The HTTP method.
        path: The path, decoded.
        query: The query as it was sent, without its question mark.
        headers: The request's headers; names as in ``X-Api-Key``.
        job_ids: The jobs that it asked for; ``(None,)`` is the one unnamed job.
        polls: The jobs among them that the service knows, in the same order.
        code: The HTTP status of the ordinary answer: 200, 400, 404 or 405.
        fault: What it got in place of the ordinary answer, or None.
    """

    time: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    job_ids: tuple[str | None, ...]
    polls: tuple[Poll, ...]
    code: int
    fault: Fault | None


class MockService:
    """A WSGI app that plays a video translation service. Safe to use from any thread.

    ``GET /status`` asks for the one unnamed job (``None``), ``GET /status/<job_id>`` for a
    named one, ``GET /status?ids=a,b`` for several at once. Each job has its own clock, which
    starts at its first poll; a job without a script behaves as the settings say.

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
        clock: What measures durations and waits.

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
        clock: Clock | None = None,
    ) -> None:
        check_duration(duration)  # unlike a script's, it can't be None
        self._usual = JobScript(duration, outcome, error_rate, progress, {}, fault_rate)
        self._latency = arguments.number("latency", latency, least=0)
        check_flag("strict", strict)
        check_flag("progress", progress)
        check_rate("fault_rate", fault_rate)
        self._strict = strict
        self._clock = Clock() if clock is None else arguments.instance("clock", clock, Clock)
        self._interrupt = threading.Event()
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise TypeError(f"seed must be a whole number or None, not {seed!r}")
        if keep_requests is not None:
            arguments.count("keep_requests", keep_requests)
        self._requests: collections.deque[ReceivedRequest] = collections.deque(maxlen=keep_requests)
        self._jobs: dict[str | None, Job] = {}
        # Protects _jobs, each job in it, and _requests: polls are counted in order of arrival.
        self._lock = threading.Lock()
        self.seed = random.SystemRandom().getrandbits(32) if seed is None else seed
        for job_id, script in ({} if jobs is None else arguments.mapping("jobs", jobs)).items():
            self._add(job_id, script)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests so far, in order of arrival: a list of the caller's own."""
        with self._lock:
            return list(self._requests)

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
    ) -> JobPlan:
        """Scripts a job, as ``JobScript`` describes; one seen before begins anew.

        Returns:
            What the job will do.
        """
        script = JobScript(duration, outcome, error_rate, progress, faults or {}, fault_rate)
        return self._add(job_id, script)

    def plan(self, job_id: str | None = None) -> JobPlan:
        """Returns what a job does, without counting as a poll of it.

        Raises:
            ValueError: The service is strict and the job has no script.
        """
        arguments.job_id(job_id)
        with self._lock:
            job = self._find(job_id)
        if job is None:
            raise ValueError(f"job_id must be a scripted one (strict=True), not {job_id!r}")
        return job.plan

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request, as WSGI (PEP 3333) wants it."""
        answer, fault = self._receive(environ)
        sleep = partial(self._sleep, environ.get("werkzeug.socket"))
        if self._latency:
            sleep(self._latency)
        if fault is None:
            return answer.send(start_response)
        return fault.play(answer, environ, start_response, sleep)

    def _receive(self, environ: WSGIEnvironment) -> tuple[Answer, Fault | None]:
        method, query = environ["REQUEST_METHOD"], _decoded(environ.get("QUERY_STRING", ""))
        path = _decoded(environ.get("PATH_INFO", ""))
        headers = {
            name[5:].replace("_", "-").title(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        question = _read(method, path, query)
        with self._lock:
            now = self._clock.monotonic()
            jobs = map(self._find, question.job_ids)
            polls = tuple(job.poll(now) for job in jobs if job is not None)
            answer = _answer(question, polls)
            fault = next((poll.fault for poll in polls if poll.fault is not None), None)
            self._requests.append(
                ReceivedRequest(
                    now, method, path, query, headers, question.job_ids, polls, answer.code, fault
                )
            )
        return answer, fault

    def _sleep(self, connection: socket.socket | None, seconds: float) -> None:
        def given_up() -> bool:
            return self._interrupt.is_set() or _is_closed(connection)

        self._clock.sleep(seconds, given_up)
        if _is_closed(connection):
            raise ConnectionAbortedError("the client has closed the connection")

    def _add(self, job_id: str | None, script: JobScript) -> JobPlan:
        arguments.job_id(job_id)
        if not isinstance(script, JobScript):
            raise TypeError(f"jobs must have a JobScript for job {job_id!r}, not {script!r}")
        job = Job(job_id, merge(self._usual, script), self.seed)
        with self._lock:
            self._jobs[job_id] = job
        return job.plan

    def _find(self, job_id: str | None) -> Job | None:
        job = self._jobs.get(job_id)
        if job is None and (job_id is None or not self._strict):
            job = self._jobs[job_id] = Job(job_id, self._usual, self.seed)
        return job


class _Question(NamedTuple):
    """What a request asks for, or why it is refused."""

    job_ids: tuple[str | None, ...] = ()
    batch: bool = False
    code: int = 200
    error: str = ""


def _read(method: str, path: str, query: str) -> _Question:
    if path != _PATH and not path.startswith(f"{_PATH}/"):
        return _Question(code=404, error=f"no such path; there are {_PATH} and {_PATH}/<job_id>")
    if method != "GET":
        return _Question(code=405, error=f"{method} is not allowed; use GET")
    if path != _PATH:
        job_id = path[len(_PATH) + 1 :]
        return _Question((job_id,)) if job_id else _Question(code=400, error="the job id is empty")
    fields = parse_qs(query, keep_blank_values=True) if query else {}
    if "ids" not in fields:
        return _Question((None,))
    job_ids = ",".join(fields["ids"]).split(",")
    if "" in job_ids:
        return _Question(code=400, error="a job id in ids is empty")
    return _Question(tuple(dict.fromkeys(job_ids)), batch=True)


def _answer(question: _Question, polls: tuple[Poll, ...]) -> Answer:
    code = question.code
    payload: dict[str, Any]
    headers = [("Content-Type", "application/json")]
    if code != 200:
        payload = {"error": question.error}
    elif question.batch:
        payload = {"results": {poll.job_id: poll.status for poll in polls}}
    elif not polls:
        code, payload = 404, {"error": "no such job; this service is strict, script it first"}
    else:
        payload = {"result": polls[0].status}
        if polls[0].progress is not None:
            payload["progress"] = polls[0].progress
    body = json.dumps(payload).encode()
    headers.append(("Content-Length", str(len(body))))
    if code == 405:
        headers.append(("Allow", "GET"))
    return Answer(code, tuple(headers), [body])


def _is_closed(connection: socket.socket | None) -> bool:
    """Says whether the client has closed its side, without taking what it may have sent."""
    if connection is None:  # a WSGI server that doesn't pass it on
        return False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            return bool(selector.select(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # ValueError: closed on our side
        return True


def _decoded(text: str) -> str:
    # PEP 3333: the bytes of the request, each as one Latin-1 character.
    return text.encode("latin-1").decode("utf-8", "replace")
