"""The services that are known: one file each, and its name in the list here.

A preset is a ``Service`` like one of the user's own; ``find`` gives it.
"""

from __future__ import annotations

from importlib import import_module

from .._base.arguments import BadValueError
from ._definition import Service

MAX_ATTEMPTS = 10
MAX_WAIT_TIME = 60.0
"""The limits of the default service, which are those that a client shows as its own."""

NAMES = (
    "heygen",
    "elevenlabs",
    "azure",
    "sync",
    "synthesia",
    "murf",
    "deepdub",
    "camb",
    "vozo",
    "d-id",
    "adobe",
)
"""Each is the name of the file that defines it as ``SERVICE``, with ``_`` for ``-``."""


def find(name: str) -> Service:
    """Returns the preset of a name.

    Raises:
        ValueError: There is none; the message lists those there are.
    """
    if name not in NAMES:
        problem = f"must be one of {', '.join(NAMES)}, not {name!r}"
        raise BadValueError("service", problem, "pass a Service for any other provider")
    return _preset(name)


def default_service() -> Service:
    """Returns what a client without ``service`` asks; it has no name to be found by."""
    return _preset("default")


def known() -> list[Service]:
    """Returns all presets that have a name."""
    return [find(name) for name in NAMES]


def _preset(name: str) -> Service:
    # Each is made, and checked, when it is wanted; most programs want one.
    preset: Service = import_module(f".{name.replace('-', '_')}", __name__).SERVICE
    return preset
