"""How one provider reports a job, as data: URLs, headers, words, pacing and limits.

Plain values, checked when they are made by ``_checks``. Who reads answers by them, or sends
requests, is not known here.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import Mapping, Tuple, Union

from .._base import arguments
from ..strategy import Strategy
from ._checks import check_batch, check_service, check_words
from ._webhook import Webhook

MAX_WAIT_TIME = arguments.DefaultNumber(3 * 60 * 60.0)
"""Seconds; long media take longer than an hour (muxinc/ai#220 went to two)."""

Patterns = Tuple[Union[str, int], ...]
Pairs = Tuple[Tuple[str, str], ...]

# What most services say, such as those whose jobs run on Celery, RQ, BullMQ, Azure, RunPod,
# Replicate or MediaConvert. What one of them means by "ready" or "stopped" is not sure.
_PENDING = (
    *("pending", "queued", "in_queue", "waiting", "scheduled", "submitted", "created", "accepted"),
    *("received", "not_started", "notstarted", "delayed", "deferred", "starting", "started"),
    *("running", "active", "working", "processing", "progressing", "in_progress", "in-progress"),
    *("in progress", "inprogress", "progress", "retry", "retrying"),
)
_COMPLETED = ("completed", "complete", "done", "finished", "success", "succeeded", "successful")
_ERROR = (
    *("error", "errored", "failed", "failure", "fail", "canceled", "cancelled", "aborted"),
    *("rejected", "revoked", "expired", "timeout", "timed_out", "timedout", "crashed"),
)


@dataclass(frozen=True)
class Words:
    """What a service calls the states of a job.

    An entry is a word, a number, or a pattern with ``*``, ``?`` and ``[...]``; whether letters
    are capital makes no difference. A word that is listed itself goes before patterns. What is
    left out has the words that most services use, such as queued, done and failed.

    Attributes:
        pending: While the service works on the job.
        completed: Once it has.
        error: Once it has failed.
        missing: Where it knows no such job.
        listed: What each word that is listed itself means, in small letters; made of the others.

    Raises:
        TypeError, ValueError: An entry is none of these, or listed for two states.
    """

    pending: Patterns = _PENDING
    completed: Patterns = _COMPLETED
    error: Patterns = _ERROR
    missing: Patterns = ()
    listed: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "listed", check_words(self))

    def meaning(self, state: str) -> str | None:
        """Returns ``pending``, ``completed``, ``error`` or ``missing``; None: not listed."""
        listed = self.listed.get(state.lower())
        if listed is not None:
            return listed
        found = (name for name, patterns in self.by_meaning() if matches(state, patterns))
        return next(found, None)

    def by_meaning(self) -> tuple[tuple[str, Patterns], ...]:
        """Returns all words by what they mean, in the order in which patterns count."""
        return (
            ("completed", self.completed),
            ("error", self.error),
            ("missing", self.missing),
            ("pending", self.pending),
        )


@dataclass(frozen=True)
class Batch:
    """How a service tells the states of many jobs in one answer.

    It tells states alone: the end of a job is then read with the request for that job, which
    carries the result.

    Attributes:
        path: As in ``Service``, with ``{job_ids}`` for the ids, joined by commas; without it,
            the answer lists jobs of the service's own choice.
        limit: The most jobs of one request, from 2 to 1000.
        jobs: JMESPath of the list of jobs, or of an object of job ids and jobs.
        job_id: JMESPath of the id in one of the list.
        status: JMESPath of the status word in a job.
        words: What the words of this answer mean; None: what they mean in that for a single job.
        progress: JMESPath of how far a job is, in the service's ``progress_total``.
        next_cursor: JMESPath of what names the page that follows; null or missing on the last.
        cursor: The query parameter that takes it.
        window: Seconds before its time at which a job is asked with others that are due, at most
            a fifth of its wait.

    Raises:
        TypeError, ValueError: A template, expression or number is not as described.
    """

    path: str
    limit: int
    jobs: str
    job_id: str = "id"
    status: str = "status"
    words: Words | None = None
    progress: str | None = None  # no preset has it; services of a user's own may
    next_cursor: str | None = None
    cursor: str = "cursor"
    window: float = 5.0

    def __post_init__(self) -> None:
        if self.words is not None:
            arguments.instance("words", self.words, Words)
        check_batch(self)


@dataclass(frozen=True)
class Service:
    """How one provider reports a job.

    Templates are texts that may hold ``{job_id}`` where a job is asked for, and the names of
    ``variables``. Expressions are JMESPath (https://jmespath.org) over an answer's JSON.

    Attributes:
        name: What ``service=`` and messages call it: a word.
        base_url: Template of where it stands; None where each client has to say so.
        path: Template of what follows it, a query included, to ask for one job.
        unnamed_path: The same for a service's one job without a name; None: all have names.
        headers: Pairs of a header's name and a template. One that needs a secret is left out where
            the client has none, or brings credentials of another kind.
        variables: Pairs of a name in templates and an environment variable. A client takes the
            value as a keyword argument of that name, or else from the environment. Without a
            pair for ``api_key``, a key is sent where one is given, and never needed. It is a
            secret: it may stand in headers alone, and is never shown.
        status: Expression of the job's status word.
        words: What these words mean.
        unknown_status: What any other word means: ``"pending"``, with one warning a word;
            ``"error"``, the job has failed; ``"invalid"``, this poll has failed.
        progress: Expression of how far the job is.
        result: Expression of what the service gives of the finished job.
        result_url: Template of what follows the base URL to give the URL of the result, where
            that is no part of the answer. It is for the user to fetch, with the key; may hold
            ``{result}``, each of what ``result`` finds.
        downloads: Pairs of a kind of file, such as ``"captions"``, and the expression of its URL:
            a text, a list, or an object of labels, such as languages, and URLs. ``"video"`` is
            ``result``, unless it stands here.
        result_gives_json: Whether the URL that is the result gives JSON in which ``downloads``
            stand; else they stand in the answer itself.
        result_delay: For how many seconds a completed job without a result is asked again
            because the result follows, 0 or more.
        error: Expression of why the job failed.
        error_code: Expression of the service's code for that.
        failure: Expression of a message that stands in an answer in place of a status: the
            request failed, whatever its HTTP status.
        failure_code: Expression of the service's code for that.
        missing: How an answer says that there is no such job: HTTP statuses as numbers, codes
            of failures as patterns.
        missing_delay: For how many seconds after the submit a missing job may still appear.
        strategy: When to ask next, where the user gives no waits; None: exponential backoff.
        max_attempts: The most polls of one job, where the user gives none; None: no limit.
        max_wait_time: The most seconds of one wait, likewise. Left at its default, a job that is
            expected to take long gets ten times what it is expected to, if that is more.
        max_rate: The most requests a second, likewise.
        min_interval: How often it wants one job asked at most: in seconds between two polls of
            one job, 0 or more. It bounds every strategy, where the user gives no other.
        batch: How many jobs are asked for at once; None: each by itself.
        webhooks: How it tells of the ends of jobs by itself: one for each kind of signature that
            it sends; none where it does not.
        source: Where these facts stand.
        method: ``GET`` or ``POST``.
        secret_variables: Names of those variables that are secrets, too.
        progress_total: What ``progress`` says of a finished job, above 0, such as 1 or 100.
        passing: Codes of failures that pass, as patterns; others end the wait.
        pacing_headers: The headers that say how long to ask no more, in the order in which they
            count. One that ends in ``-ms`` is in milliseconds, others in seconds, or a date; one
            that ends in ``-Reset`` counts where that in ``-Remaining`` leaves nothing.

    Raises:
        TypeError, ValueError: A value is not as described; the message names it.
    """

    name: str
    base_url: str | None = None
    path: str = "/status/{job_id}"
    unnamed_path: str | None = None
    headers: Pairs = (("Authorization", "Bearer {api_key}"),)
    variables: Pairs = ()
    status: str = "status"
    words: Words = field(default_factory=Words)
    unknown_status: str = "pending"
    progress: str | None = None
    result: str | None = None
    result_url: str | None = None
    downloads: Pairs = ()
    result_gives_json: bool = False
    result_delay: float = 0.0
    error: str | None = None
    error_code: str | None = None
    failure: str | None = None
    failure_code: str | None = None
    missing: Patterns = (404,)
    missing_delay: float = 30.0
    strategy: Strategy | None = None
    max_attempts: int | None = None
    max_wait_time: float | None = MAX_WAIT_TIME
    max_rate: float | None = None
    min_interval: float = 0.0
    batch: Batch | None = None
    webhooks: tuple[Webhook, ...] = ()
    source: str = ""
    # No preset sets these. Services of a user's own need them: they are asked by POST, want a
    # second secret, count progress in percent, or have codes and headers of their own.
    method: str = "GET"
    secret_variables: tuple[str, ...] = ()
    progress_total: float = 1.0
    passing: Patterns = ("*rate*limit*", "*too*many*", "*timeout*", "*unavailable*", "*internal*")
    pacing_headers: tuple[str, ...] = ("retry-after-ms", "Retry-After", "RateLimit-Reset")

    def __post_init__(self) -> None:
        arguments.instance("words", self.words, Words)
        if self.batch is not None:
            arguments.instance("batch", self.batch, Batch)
        if not isinstance(self.webhooks, tuple):
            raise TypeError(f"webhooks must be a tuple of Webhook, not {self.webhooks!r}")
        for webhook in self.webhooks:
            arguments.instance("webhooks", webhook, Webhook)
        check_service(self)

    @property
    def secrets(self) -> frozenset[str]:
        """The names in templates whose values are kept secret."""
        return frozenset(("api_key", *self.secret_variables))


def matches(text: str, patterns: Patterns) -> bool:
    """Says whether a word is one of ``patterns``; capital letters make no difference."""
    word = text.lower()
    return any(fnmatch.fnmatchcase(word, str(pattern).lower()) for pattern in patterns)
