"""One blocking exchange: the due jobs in, a report or an error for each out.

Here an HTTP answer becomes a ``StatusReport``, a failure in passing (``PollError``) or one
for good (``RejectedError``). Nothing is remembered from one poll to the next.
"""

from __future__ import annotations

import dataclasses
import json
import ssl
from http.client import BadStatusLine, HTTPException
from typing import NamedTuple, Sequence

import requests
import urllib3
from requests import exceptions

from .clock import Clock
from .errors import PollError, RejectedError, VideoTranslationError, name_job
from .exchange import Exchange
from .retry_after import is_exhausted, retry_after
from .service import Service
from .status import StatusReport
from .transport import Answer, HeaderError, RedirectError, Transport, TransportError

# Answers by which a service speaks of all requests, not of one job (RFC 6585, RFC 9110).
_THROTTLED = frozenset({429, 503})

# Client errors that say "not now" rather than "never" (RFC 9110, RFC 8470, RFC 6585).
_PASSING = frozenset({408, 425, 429})

# Errors of libraries that tell of the network or the server, some of which requests lets through.
_TROUBLE = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    ConnectionError,
    TimeoutError,
)

# What will be no different the next time.
_HOPELESS = (
    RedirectError,
    HeaderError,
    exceptions.InvalidProxyURL,
    exceptions.InvalidSchema,
    ssl.SSLCertVerificationError,
)

# Characters of an error's own words that are repeated.
_MOST_WORDS = 200


class Outcome(NamedTuple):
    """What one poll tells of one job.

    Attributes:
        result: The answer, or what failed.
        throttled: Whether the service wants fewer requests: for as long as the result's
            ``retry_after`` none at all.
    """

    result: StatusReport | BaseException
    throttled: bool = False


class Poller:
    """Asks one service; safe for use from many threads.

    Args:
        transport: Where requests are sent.
        service: How they are spelled and their answers read.
        clock: Tells what time it is, where an answer names a date.
    """

    def __init__(self, transport: Transport, service: Service, clock: Clock) -> None:
        self._transport = transport
        self._service = service
        self._clock = clock

    def poll(self, job_ids: Sequence[str | None], exchange: Exchange) -> list[Outcome]:
        """Returns one outcome for each job, in the same order; raises nothing.

        Args:
            job_ids: The jobs.
            exchange: Through which another thread may abort it.
        """
        return [self._ask(job_id, exchange) for job_id in job_ids]

    def start_over(self) -> None:
        """Goes on in a forked child."""
        self._transport.start_over()

    def close(self) -> None:
        """Ends the use of the transport."""
        self._transport.close()

    def _ask(self, job_id: str | None, exchange: Exchange) -> Outcome:
        try:
            answer = self._transport.get(self._service.path_of(job_id), exchange)
        except Exception as error:  # noqa: BLE001 - becomes the outcome
            return Outcome(self._failure(job_id, error))
        result = self._judge(job_id, answer)
        throttled = answer.status_code in _THROTTLED or is_exhausted(answer.headers)
        seconds = retry_after(answer.headers, self._clock.time())
        if isinstance(result, PollError):
            result.retry_after = seconds
        elif isinstance(result, StatusReport) and seconds is not None:
            result = dataclasses.replace(result, retry_after=seconds)
        return Outcome(result, throttled)

    def _failure(self, job_id: str | None, error: Exception) -> VideoTranslationError:
        trouble = isinstance(error, _TROUBLE)
        root = _root(error) if trouble else error
        text = f"{name_job(job_id)}: no answer from {self._transport.base_url}: {_words(root)}"
        final = not trouble or isinstance(error, _HOPELESS) or isinstance(root, _HOPELESS)
        failure = RejectedError(text, job_id) if final else PollError(text, job_id)
        if not isinstance(root, requests.RequestException):
            failure.__cause__ = _bare(root) if trouble else root
        return failure

    def _judge(self, job_id: str | None, answer: Answer) -> StatusReport | VideoTranslationError:
        code = answer.status_code
        if 400 <= code < 500 and code not in _PASSING:
            return RejectedError(
                f"{name_job(job_id)}: {self._transport.base_url}{self._service.path_of(None)}"
                f" rejects the request with HTTP status {code}{_ADVICE.get(code, '')}",
                job_id,
                code,
            )
        if not 200 <= code < 300:
            return PollError(f"{name_job(job_id)}: HTTP status {code}", job_id, code)
        try:
            payload = json.loads(answer.body)
        except (ValueError, RecursionError):
            return PollError(f"{name_job(job_id)}: the answer is not JSON", job_id, code)
        try:
            return self._service.read(payload)
        except ValueError as error:
            return PollError(f"{name_job(job_id)}: {error}", job_id, code)


_ADVICE = {
    401: "; check the credentials: api_key=, or auth of the session",
    403: "; check that the credentials may see this job",
    404: "; check the job id and base_url",
}


def _root(error: BaseException) -> BaseException:
    """Returns what lies deepest in a chain of the system's or the protocol's own errors.

    Libraries on the way wrap these, and may have stumbled over others that explain nothing.
    """
    if isinstance(error, TransportError):
        return error  # which says it all
    root, seen = error, {id(error)}
    inner = error.__cause__ or error.__context__
    while inner is not None and id(inner) not in seen:
        if isinstance(inner, (OSError, HTTPException)):
            root = inner
        seen.add(id(inner))
        inner = inner.__cause__ or inner.__context__
    return root


def _words(error: BaseException) -> str:
    """Returns an error's type, and its words where they can't hold a secret.

    Those of libraries may repeat URLs, headers, or what the server sent; those of the user's
    own code stand in the error that is chained.
    """
    name = type(error).__name__
    system = isinstance(error, (OSError, HTTPException))
    foreign = isinstance(error, (requests.RequestException, BadStatusLine))
    if not (isinstance(error, TransportError) or (system and not foreign)):
        return name
    words = str(error)[:_MOST_WORDS]
    return f"{name}: {words if words.isprintable() else ascii(words)}"


def _bare(error: BaseException) -> BaseException:
    """Takes from an error what would keep requests, bodies and credentials in memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
