"""The options that stand for the client's arguments about pacing.

Nothing is checked here: the client does that, and all defaults are its own.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
from typing import Any, Iterable

from .. import services
from .._base import units
from ..client import VideoTranslationClient

# The arguments; their defaults are read from the client's signature.
PACING = {
    "max_attempts": ("N|none", "the most polls of one job"),
    "max_wait_time": ("SECONDS|none", "the longest wait for one job"),
    "initial_wait_time": ("SECONDS", "from the first poll of a job to its second"),
    "backoff_factor": ("FACTOR", "by what each wait is multiplied to give the next"),
    "jitter": ("SECONDS", "the most that chance adds to each wait"),
    "max_interval": ("SECONDS", "the longest wait between two polls, before jitter"),
    "request_timeout": ("SECONDS", "the longest request, from its start to the whole answer"),
    "max_concurrency": ("N", "the most requests under way at once"),
    "min_interval": ("SECONDS", "the least between two polls of one job, whatever the rest says"),
    "max_rate": ("N|none", "the most requests a second, of all jobs together"),
}

# Those in place of which ``--interval`` stands.
BACKOFF = ("initial_wait_time", "backoff_factor", "jitter", "max_interval")

# What ends a wait, which keeps it to its end.
LIMITS = ("max_attempts", "max_wait_time")

# Arguments that are no options about pacing, but take seconds.
_SECONDS = ("age", "expected", "poll_cost", "interval", "timeout", "--median")

_ABOUT_PACING = f"""\
SECONDS may have a unit: {units.EXAMPLES}.
The defaults are those without --service. With it, the service's own limits
and waits hold where you give none; any of --initial-wait-time,
--backoff-factor, --jitter and --max-interval replaces all of its waits."""


def add_pacing(
    parser: argparse.ArgumentParser,
    names: Iterable[str] = tuple(PACING),
    about: str = _ABOUT_PACING,
    **defaults: str,
) -> argparse._ArgumentGroup:
    """Gives a parser an option for each of the client's arguments about pacing; returns them.

    Args:
        parser: That of a command.
        names: Of the arguments.
        about: What is said of all of them.
        **defaults: What holds where that is not the client's own default.
    """
    signature = inspect.signature(VideoTranslationClient)
    pacing = parser.add_argument_group("pacing", about)
    # What a service wants, and the default one wants nothing.
    defaults.setdefault("min_interval", str(services.default_service().min_interval))
    for name in names:
        metavar, text = PACING[name]
        default = defaults.get(name) or str(signature.parameters[name].default).lower()
        pacing.add_argument(option(name), metavar=metavar, help=f"{text} (default: {default})")
    return pacing


def given_pacing(given: argparse.Namespace) -> dict[str, str]:
    """Returns the texts of those options that were given, by the client's names."""
    texts = {name: getattr(given, name, None) for name in PACING}
    return {name: text for name, text in texts.items() if text is not None}


def setting(name: str, text: str) -> Any:
    """Returns the client's argument that an option's text means."""
    if takes_none(name) and text.lower() == "none":
        return None
    return as_seconds(text) if takes_seconds(name) else as_number(text)


def takes_none(name: str) -> bool:
    """Says whether an argument of the client is a limit that there need not be."""
    return name in PACING and PACING[name][0].endswith("|none")


def takes_seconds(name: str) -> bool:
    """Says whether an argument is a duration."""
    return name in _SECONDS or (name in PACING and PACING[name][0].startswith("SECONDS"))


def option(name: str) -> str:
    """Returns the option for an argument of the client; other names as they are."""
    return f"--{name.replace('_', '-')}" if name in PACING else name


def as_seconds(text: str) -> Any:
    """Returns the seconds that an option's text means; for text without meaning, itself."""
    try:
        return units.seconds(text)
    except ValueError:
        return text


def as_number(text: str) -> Any:
    """Returns the number that an option's text means; for text without meaning, itself."""
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        return float(text)
    return text
