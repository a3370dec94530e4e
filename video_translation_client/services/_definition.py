"""How one provider reports a job, as data: URLs, authentication, words, pacing and limits.

Plain values that are checked when they are made. What is read from answers by them stands in
answers.py, what is sent in endpoint.py.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import Any, Tuple, Union

from .._base import arguments
from .._scheduling.limits import DEFAULT_ATTEMPTS, DEFAULT_WAIT_TIME
from ..strategy import Strategy
from ._expressions import check_expression
from ._templates import check_template

Patterns = Tuple[Union[str, int], ...]
Pairs = Tuple[Tuple[str, str], ...]

_MOST_TOGETHER = 1000

# Each multiplies the time that a search for it takes, on Python before 3.9.
_MOST_STARS = 3

_HEADER = r"[\w!#$%&'*+.^`|~-]+"
_PRINTABLE = r"([\x21-\x7e][\x20-\x7e]*)?"
_VARIABLE = r"[A-Za-z_]\w*"
_PATH = r"/[\w.~!$&'()*+,;=:%/?@{}-]*"


@dataclass(frozen=True)
class Words:
    """What a service calls the states of a job.

    An entry is a word, a number, or a pattern with ``*``, ``?`` and ``[...]``; whether letters
    are capital makes no difference. A word that is listed itself goes before patterns.

    Attributes:
        pending: While the service works on the job.
        completed: Once it has.
        error: Once it has failed.
        missing: Where it knows no such job.

    Raises:
        TypeError, ValueError: An entry is none of these, or listed for two states.
    """

    pending: Patterns = ("pending",)
    completed: Patterns = ("completed",)
    error: Patterns = ("error",)
    missing: Patterns = ()

    def __post_init__(self) -> None:
        listed: dict[str, str] = {}
        for name, patterns in self._all():
            _check_patterns(name, patterns)
            for pattern in patterns:
                other = listed.setdefault(str(pattern).lower(), name)
                if other != name:
                    raise ValueError(f"{name} must not hold {pattern!r}: {other} does already")
        if not (self.completed and self.error):
            raise ValueError("completed and error must each hold a word")

    def meaning(self, state: str) -> str | None:
        """Returns ``pending``, ``completed``, ``error`` or ``missing``; None: not listed."""
        for name, patterns in self._all():
            if _lists(patterns, state):
                return name
        return next((name for name, patterns in self._all() if matches(state, patterns)), None)

    def lists(self, state: str) -> bool:
        """Says whether a word is listed itself, and not matched by a pattern alone."""
        return any(_lists(patterns, state) for _, patterns in self._all())

    def _all(self) -> tuple[tuple[str, Patterns], ...]:
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
        words: The words of this answer, which may be others than those for a single job.
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
    words: Words = field(default_factory=Words)
    progress: str | None = None
    next_cursor: str | None = None
    cursor: str = "cursor"
    window: float = 5.0

    def __post_init__(self) -> None:
        _check_form("path", self.path, _PATH, "the path of a URL, such as '/status?ids={job_ids}'")
        if arguments.count("limit", self.limit, most=_MOST_TOGETHER) < 2:
            raise ValueError(f"limit must be from 2 to {_MOST_TOGETHER}, not 1")
        for name in ("jobs", "job_id", "status"):
            check_expression(name, getattr(self, name))
        for name in ("progress", "next_cursor"):
            if getattr(self, name) is not None:
                check_expression(name, getattr(self, name))
        _check_form("cursor", self.cursor, r"[\w.-]+", "the name of a query parameter")
        arguments.instance("words", self.words, Words)
        arguments.number("window", self.window, least=0)


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
        method: ``GET`` or ``POST``.
        headers: Pairs of a name and a template: headers next to the authentication.
        variables: Pairs of a name in templates and an environment variable. A client takes its
            value as a keyword argument of that name, or else from the environment.
        authentication_header: The header that carries the API key.
        authentication_prefix: What stands before the key in it.
        authentication_variable: The environment variable that holds the key for clients without
            ``api_key``; None: a key is never needed.
        status: Expression of the job's status word.
        words: What these words mean.
        unknown_status: What any other word means: ``"pending"``, with one warning a word;
            ``"error"``, the job has failed; ``"invalid"``, this poll has failed.
        progress: Expression of how far the job is.
        progress_total: What ``progress`` says of a finished job, above 0, such as 1 or 100.
        result: Expression of what the service gives of the finished job.
        result_url: Template of what follows the base URL to give the URL of the result, where
            that is no part of the answer. It is for the user to fetch, with the key; may hold
            ``{result}``, each of what ``result`` finds.
        result_delay: For how many seconds a completed job without a result is asked again
            because the result follows, 0 or more.
        error: Expression of why the job failed.
        error_code: Expression of the service's code for that.
        failure: Expression of a message that stands in an answer in place of a status: the
            request failed, whatever its HTTP status.
        failure_code: Expression of the service's code for that.
        passing: Codes of failures that pass, as patterns; others end the wait.
        missing: How an answer says that there is no such job: HTTP statuses as numbers, codes
            of failures as patterns.
        missing_delay: For how many seconds after the submit a missing job may still appear.
        pacing_headers: The headers that say how long to ask no more, in the order in which they
            count. One that ends in ``-ms`` is in milliseconds, others in seconds, or a date; one
            that ends in ``-Reset`` counts where that in ``-Remaining`` leaves nothing.
        strategy: When to ask next, where the user gives no waits; None: exponential backoff.
        max_attempts: The most polls of one job, where the user gives none; None: no limit.
        max_wait_time: The most seconds of one wait, likewise.
        max_rate: The most requests a second, likewise.
        batch: How many jobs are asked for at once; None: each by itself.
        source: Where these facts stand.
        date: When they were read there.

    Raises:
        TypeError, ValueError: A value is not as described; the message names it.
    """

    name: str
    base_url: str | None = None
    path: str = "/status/{job_id}"
    unnamed_path: str | None = None
    method: str = "GET"
    headers: Pairs = ()
    variables: Pairs = ()
    authentication_header: str = "Authorization"
    authentication_prefix: str = "Bearer "
    authentication_variable: str | None = None
    status: str = "status"
    words: Words = field(default_factory=Words)
    unknown_status: str = "pending"
    progress: str | None = None
    progress_total: float = 1.0
    result: str | None = None
    result_url: str | None = None
    result_delay: float = 0.0
    error: str | None = None
    error_code: str | None = None
    failure: str | None = None
    failure_code: str | None = None
    passing: Patterns = ("*rate*limit*", "*too*many*", "*timeout*", "*unavailable*", "*internal*")
    missing: Patterns = (404,)
    missing_delay: float = 30.0
    pacing_headers: tuple[str, ...] = ("retry-after-ms", "Retry-After", "RateLimit-Reset")
    strategy: Strategy | None = None
    max_attempts: int | None = None
    max_wait_time: float | None = 3600.0
    max_rate: float | None = None
    batch: Batch | None = None
    source: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        _check_form("name", self.name, r"\S+", "a word")
        for field_name in ("headers", "variables"):
            _check_pairs(field_name, getattr(self, field_name))
        for name, variable in self.variables:
            _check_form("the name of a variable", name, _VARIABLE, "a word such as 'region'")
            _check_form(f"the variable of {name}", variable, r"\w+", "that of the environment")
            if name in _TAKEN:
                raise ValueError(f"variables must not name {name!r}: it has a meaning of its own")
        self._check_urls()
        self._check_authentication()
        for name in _EXPRESSIONS:
            if name == "status" or getattr(self, name) is not None:
                check_expression(name, getattr(self, name))
        arguments.instance("words", self.words, Words)
        for name, choices in (
            ("unknown_status", ("pending", "error", "invalid")),
            ("method", ("GET", "POST")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be {', '.join(choices)}, not {getattr(self, name)!r}"
                )
        for name in ("passing", "missing"):
            _check_patterns(name, getattr(self, name))
        if not isinstance(self.pacing_headers, tuple):
            raise TypeError(f"pacing_headers must be a tuple, not {self.pacing_headers!r}")
        for name in self.pacing_headers:
            _check_form("pacing_headers", name, _HEADER, "names of headers")
        self._check_pacing()

    def _check_urls(self) -> None:
        names = [name for name, _ in self.variables]
        if self.base_url is not None:
            check_template("base_url", self.base_url, names)
            arguments.base_url(re.sub(r"\{\w+\}", "name", self.base_url))
        _check_form("path", self.path, _PATH, "the path of a URL, such as '/status/{job_id}'")
        check_template("path", self.path, [*names, "job_id"], required="job_id")
        for name, text, known in (
            ("unnamed_path", self.unnamed_path, names),
            ("result_url", self.result_url, [*names, "job_id", "result"]),
        ):
            if text is not None:
                _check_form(name, text, _PATH, "the path of a URL")
                check_template(name, text, known)
        if self.batch is not None:
            arguments.instance("batch", self.batch, Batch)
            check_template("path of the batch", self.batch.path, [*names, "job_ids"])
        for name, template in self.headers:
            _check_form("headers", name, _HEADER, "pairs of a header's name and a template")
            _check_form(f"the header {name}", template, _PRINTABLE, "printable ASCII")
            check_template(f"the header {name}", template, names)

    def _check_authentication(self) -> None:
        header, prefix = self.authentication_header, self.authentication_prefix
        _check_form("authentication_header", header, _HEADER, "the name of a header")
        _check_form("authentication_prefix", prefix, _PRINTABLE, "printable ASCII")
        if self.authentication_variable is not None:
            variable = self.authentication_variable
            _check_form("authentication_variable", variable, r"\w+", "one of the environment")

    def _check_pacing(self) -> None:
        for name in ("result_delay", "missing_delay"):
            arguments.number(name, getattr(self, name), least=0)
        arguments.number("progress_total", self.progress_total, above=0)
        if self.strategy is not None:
            arguments.callback("strategy", self.strategy)
        if self.max_attempts is not None:
            arguments.count("max_attempts", self.max_attempts)
        for name in ("max_wait_time", "max_rate"):
            arguments.optional_number(name, getattr(self, name), above=0, none="no limit")


_EXPRESSIONS = (
    "status",
    "progress",
    "result",
    "error",
    "error_code",
    "failure",
    "failure_code",
)
_TAKEN = frozenset({"job_id", "job_ids", "result"})


def _lists(patterns: Patterns, word: str) -> bool:
    return any(str(pattern).lower() == word.lower() for pattern in patterns)


def matches(text: str, patterns: Patterns) -> bool:
    """Says whether a word is one of ``patterns``; capital letters make no difference."""
    word = text.lower()
    return any(fnmatch.fnmatchcase(word, str(pattern).lower()) for pattern in patterns)


def _check_form(name: str, value: Any, form: str, wanted: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be {wanted}, not {value!r}")
    if not re.fullmatch(form, value, re.ASCII):
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _check_pairs(name: str, pairs: Any) -> None:
    if not isinstance(pairs, tuple) or not all(
        isinstance(pair, tuple) and len(pair) == 2 for pair in pairs
    ):
        raise TypeError(f"{name} must be a tuple of pairs, not {pairs!r}")


def _check_patterns(name: str, patterns: Any) -> None:
    if not isinstance(patterns, tuple):
        raise TypeError(f"{name} must be a tuple of words and numbers, not {patterns!r}")
    for pattern in patterns:
        if isinstance(pattern, bool) or not isinstance(pattern, (str, int)):
            raise TypeError(f"{name} must hold words and numbers, not {pattern!r}")
        if not str(pattern).strip():
            raise ValueError(f"{name} must not hold an empty word")
        if str(pattern).count("*") > _MOST_STARS:
            raise ValueError(f"{name} must hold no more than {_MOST_STARS} '*' in {pattern!r}")
        try:
            re.compile(fnmatch.translate(str(pattern)))
        except re.error as error:
            raise ValueError(f"{name} must hold patterns, not {pattern!r}: {error}") from None


DEFAULT = Service(
    "default",
    path="/status/{job_id}",
    unnamed_path="/status",
    status="result",
    unknown_status="invalid",
    progress="progress",
    error="error",
    missing_delay=0.0,
    max_attempts=DEFAULT_ATTEMPTS,
    max_wait_time=DEFAULT_WAIT_TIME,
    batch=Batch("/status?ids={job_ids}", limit=100, jobs="results", status="@", window=0.5),
)
"""``GET /status`` -> ``{"result": "pending" | "completed" | "error"}``."""
