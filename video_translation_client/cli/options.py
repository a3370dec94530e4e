"""The options that stand for arguments of the client, and its messages in their words.

Nothing is checked here: the client does that, and all defaults are its own.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import re
from typing import Any

from ..client import VideoTranslationClient

# The client's pacing arguments; their defaults are read from its signature.
_PACING = {
    "max_attempts": ("N|none", "the most polls of one job"),
    "max_wait_time": ("SECONDS|none", "the longest wait for one job"),
    "initial_wait_time": ("SECONDS", "from the first poll of a job to its second"),
    "backoff_factor": ("FACTOR", "by what each wait is multiplied to give the next"),
    "jitter": ("SECONDS", "the most that chance adds to each wait"),
    "max_interval": ("SECONDS", "the longest wait between two polls, before jitter"),
    "request_timeout": ("SECONDS", "the longest request, from its start to the whole answer"),
    "max_concurrency": ("N", "the most requests under way at once"),
    "max_rate": ("N|none", "the most requests a second, of all jobs together"),
}

_PACING_OF_SERVICES = """\
The defaults are those without --service. With it, the service's own limits
and waits hold where you give none; any of --initial-wait-time,
--backoff-factor, --jitter and --max-interval replaces all of its waits."""

# What only a program can do about a bad setting, and what there is in its place.
_SETTINGS = (
    (r"^service must", "--service must"),
    (r", or a Service of your own", ""),
    (r", or give api_key=", ""),
    (r"give \w+=, or set the environment variable", "set the environment variable"),
    (r"\bservice='([^']*)'", r"--service \1"),
    (r"\bbase_url\b", "URL"),
    (r"\bjob_id\b", "JOB_ID"),
    (r"\bNone\b", "none"),
)

# The same of the end of a wait; these phrases are long, as a service's own words stand beside.
_ENDS = (
    (
        r"check the credentials: api_key=, or auth of the session$",
        "check the key in the service's environment variable, or the credentials in URL",
    ),
    (r"check the job id and base_url$", "check the JOB_ID and URL"),
    (r"; to keep waiting, submit the same job id again$", ""),
)


def add_pacing(parser: argparse.ArgumentParser) -> None:
    """Gives a parser an option for each of the client's arguments about pacing."""
    signature = inspect.signature(VideoTranslationClient)
    pacing = parser.add_argument_group("pacing", _PACING_OF_SERVICES)
    for name, (metavar, text) in _PACING.items():
        default = str(signature.parameters[name].default).lower()
        pacing.add_argument(option(name), metavar=metavar, help=f"{text} (default: {default})")


def given_pacing(given: argparse.Namespace) -> dict[str, str]:
    """Returns the texts of those options that were given, by the client's names."""
    return {name: getattr(given, name) for name in _PACING if getattr(given, name) is not None}


def option(name: str) -> str:
    """Returns the option for an argument of the client."""
    return f"--{name.replace('_', '-')}"


def value(text: str) -> Any:
    """Returns what an option's text means; for text without meaning, itself."""
    if text.lower() == "none":
        return None
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        return float(text)
    return text


def in_words_of_options(message: str) -> str:
    """Returns what the client says of its arguments, named as on the command line."""
    names = "|".join(_PACING)
    message = re.sub(rf"\b({names})=", lambda match: f"{option(match.group(1))} ", message)
    message = re.sub(rf"\b({names})\b", lambda match: option(match.group()), message)
    return _replaced(message, _SETTINGS)


def end_in_words_of_options(reason: str) -> str:
    """Returns why a wait ended, with advice for the command line."""
    names = "|".join(_PACING)
    reason = re.sub(rf"\bthe limit ({names})=", lambda found: _limit(found.group(1)), reason)
    return _replaced(reason, _ENDS)


def _limit(name: str) -> str:
    return f"the limit {option(name)} "


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in pairs:
        text = re.sub(pattern, replacement, text)
    return text
