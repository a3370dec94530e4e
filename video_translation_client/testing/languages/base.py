"""What a language is: it reads a request into a question that writes its own answer."""

from __future__ import annotations

import abc
from typing import Any, Callable, Dict, Iterable, Mapping, NamedTuple, Sequence, Tuple
from urllib.parse import parse_qs

from ..files import Target
from ..script import Standing

Written = Tuple[int, Dict[str, Any]]

MISSING = "no such job; this service is strict, script it first"
"""What is wrong with a job that a strict service does not know."""


class Request(NamedTuple):
    """What a language reads of a request; header names are as in ``X-Api-Key``."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    def fields(self) -> dict[str, list[str]]:
        """Returns the values in the query by name, empty ones too."""
        return parse_qs(self.query, keep_blank_values=True)


class Question(NamedTuple):
    """What a request asks.

    Attributes:
        job_ids: The jobs that it asks for; none if it is refused.
        write: Returns the HTTP status and the body of the answer, given how those jobs stand
            that the service knows, in the same order.
        target: The file for which it asks in place of that, or None.
    """

    job_ids: tuple[str | None, ...]
    write: Callable[[Sequence[Standing]], Written]
    target: Target | None = None


class Language(abc.ABC):
    """How a service is asked and how it answers. Stateless, so safe to share."""

    @abc.abstractmethod
    def read(self, request: Request, known: Iterable[str | None]) -> Question:
        """Returns what ``request`` asks; ``known`` are the jobs so far, the oldest first."""

    def problem(self, code: int, text: str) -> dict[str, Any]:
        """Returns the body that explains the HTTP status ``code``."""
        return {"error": text}

    def refuse(self, code: int, text: str) -> Question:
        """Returns a question about no job, which is answered with a problem."""
        return Question((), lambda _: (code, self.problem(code, text)))
