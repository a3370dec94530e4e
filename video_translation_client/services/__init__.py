"""The services that are known by name: one file each, and its name in the list here.

A preset is a ``Service`` like one of the user's own; ``find`` gives it.
"""

from __future__ import annotations

from importlib import import_module

from ._definition import Service

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
        raise ValueError(
            f"service must be one of {', '.join(NAMES)}, or a Service of your own, not {name!r}"
        )
    preset: Service = import_module(f".{name.replace('-', '_')}", __name__).SERVICE
    return preset


def known() -> list[Service]:
    """Returns all presets."""
    return [find(name) for name in NAMES]
