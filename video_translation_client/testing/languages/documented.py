"""What the languages of real services have in common: a path, key headers, words, a body."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence, TypeVar
from urllib.parse import quote

from ..script import Standing
from .base import MISSING, Language, Question, Request, Written

Value = TypeVar("Value")

_ERROR_TEXT = "The speech in the video could not be understood."
_ERROR_CODE = "unintelligible_speech"


class Words(NamedTuple):
    """The words of a service for how a job stands; where it has several, those that come first.

    Attributes:
        pending: In the order in which a job goes through them.
        completed: The end that it is made for.
        error: The other end.
    """

    pending: tuple[str, ...]
    completed: str
    error: str

    def of(self, standing: Standing) -> str:
        """Returns the word for ``standing``.

        The first pending word is for a job's first poll, the others are spread evenly over its
        duration.
        """
        if standing.poll.status != "pending":
            return self.completed if standing.poll.status == "completed" else self.error
        if standing.poll.number == 1:
            return self.pending[0]
        later = self.pending[1:] or self.pending
        # Rounding can make the share of a job that has not quite ended a full 1.
        return later[min(int(standing.share * len(later)), len(later) - 1)]


class Job(NamedTuple):
    """What the answer about one job may tell."""

    word: str
    standing: Standing

    @property
    def job_id(self) -> str:
        """The job, which has a name with every real service."""
        return str(self.standing.poll.job_id)

    @property
    def error(self) -> str | None:
        """What went wrong, in a sentence."""
        return self.case(pending=None, completed=None, error=_ERROR_TEXT)

    @property
    def error_code(self) -> str | None:
        """What went wrong, in a word."""
        return self.case(pending=None, completed=None, error=_ERROR_CODE)

    def url(self, name: str) -> str | None:
        """Returns where the file ``name`` of a completed job is, or would be, once that is told."""
        if self.standing.url_of is not None:
            return self.standing.url_of(name)
        if not self.standing.has_result:
            return None
        return f"https://results.example/{quote(self.job_id, safe='')}/{name}"

    def case(self, pending: Value, completed: Value, error: Value) -> Value:
        """Returns the one that fits the job's status."""
        return {"completed": completed, "error": error}.get(self.standing.poll.status, pending)


@dataclass(frozen=True)
class Documented(Language):
    """The language of a real service that is asked for one job at a time.

    Attributes:
        path: Where a job is asked for; ``{id}`` is one segment.
        headers: What must be sent: by name, what stands before the key.
        words: The service's words.
        body: Returns the documented answer about a job. What does not apply is null.
        query: The parameters that must be sent.
    """

    path: str
    headers: Mapping[str, str]
    words: Words
    body: Callable[[Job], dict[str, Any]]
    query: Mapping[str, str] = field(default_factory=dict)

    def read(self, request: Request, known: Iterable[str | None]) -> Question:
        """Reads a request for one job."""
        pattern = re.escape(self.path).replace(re.escape("{id}"), "([^/]*)")
        found = re.fullmatch(pattern, request.path)
        if not found:
            return self.refuse(404, f"no such path; there is {self.path}")
        refused = self.check(request)
        if refused is not None:
            return refused
        if not found[1]:
            return self.refuse(400, "the job id is empty")
        return Question((found[1],), self._single)

    def check(self, request: Request) -> Question | None:
        """Returns the refusal of a request with a wrong method, key or parameter."""
        if request.method != "GET":
            return self.refuse(405, f"{request.method} is not allowed; use GET")
        for name, prefix in self.headers.items():
            sent = request.headers.get(name.title(), "")
            # What a client sends is not repeated: it is a key, or part of one.
            if not re.fullmatch(re.escape(prefix) + "[!-~]+", sent):
                return self.refuse(401, f"the header must be '{name}: {prefix}<key>'")
        for name, value in self.query.items():
            if request.fields().get(name) != [value]:
                return self.refuse(400, f"the query must have {name}={value}")
        return None

    def _single(self, standings: Sequence[Standing]) -> Written:
        if not standings:
            return 404, self.problem(404, MISSING)
        return 200, self.body(Job(self.words.of(standings[0]), standings[0]))
