"""The services that are known: one file each, and its name in the list here.

A preset is a ``Service`` like one of the user's own; ``find`` gives it.
"""

from __future__ import annotations

from importlib import import_module

from .._base.arguments import BadValueError
from . import default
from ._definition import Service

DEFAULT = default.SERVICE
"""What a client without ``service`` asks; it has no name to be asked for by."""

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
    preset: Service = import_module(f".{name.replace('-', '_')}", __name__).SERVICE
    return preset


def known() -> list[Service]:
    """Returns all presets that have a name."""
    return [find(name) for name in NAMES]
