"""The languages that the mock service speaks: the default one, and those of real services.

A language keeps no state and knows no sockets; how the jobs stand, it is told.
"""

from __future__ import annotations

from .base import Language, Question, Request
from .default import DefaultLanguage
from .services import LANGUAGES

__all__ = ["LANGUAGES", "Language", "Question", "Request", "language_of"]

_DEFAULT = DefaultLanguage()


def language_of(service: str | None) -> Language:
    """Returns the language of ``service``, None being the default.

    Raises:
        ValueError: There is no such service; the message lists them.
    """
    if service is None:
        return _DEFAULT
    if not isinstance(service, str) or service not in LANGUAGES:
        names = ", ".join(LANGUAGES)
        raise ValueError(f"service must be None or one of {names}, not {service!r}")
    return LANGUAGES[service]
