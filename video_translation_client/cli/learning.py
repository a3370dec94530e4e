"""What ``watch`` knows of how long jobs take: its options ``--learn`` and those of the jobs.

Where there is no history to be had, it waits all the same.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping

from .options import as_seconds
from .output import complain
from .parser import NAME, Parser
from .wording import refused

if TYPE_CHECKING:
    import argparse

    from ..timing import DurationAware, DurationHistory

_LEARN = "--learn"

# What is told of each job, in the order of the arguments of ``submit``.
_HINTS = {
    "age": ("SECONDS", "for how long the jobs have been running already"),
    "expected": ("SECONDS", "how long each is expected to take, from its start"),
    "group": ("NAME", "what kind of jobs they are, such as fast/de, to learn from such alone"),
}


def add_learning(parser: Parser, *, of_jobs: bool = True) -> None:
    """Gives a parser the options; those about the jobs themselves are for those that are new."""
    group = parser.add_argument_group(
        "how long jobs take", "For when to ask, and for saying when jobs are likely done."
    )
    group.add_argument(
        _LEARN,
        metavar="[=FILE]",
        help="poll when jobs are likely to end, as those before have shown, and remember in FILE"
        f" how long these took (default: {NAME}/durations.sqlite3 in the folder for state,"
        " ~/.local/state or what XDG_STATE_HOME says)",
    )
    group.add_argument(
        "--poll-cost",
        metavar="SECONDS",
        help=f"how much lateness one request is worth, with {_LEARN} (default: 3)",
    )
    for name, (metavar, text) in _HINTS.items() if of_jobs else ():
        group.add_argument(f"--{name}", metavar=metavar, help=text)


def with_value(words: list[str]) -> list[str]:
    """Returns the words with ``--learn`` such that it does not take the next one for its value."""
    cut = words.index("--") if "--" in words else len(words)
    return [f"{_LEARN}=" if word == _LEARN else word for word in words[:cut]] + words[cut:]


def hints(given: argparse.Namespace) -> dict[str, Any]:
    """Returns what ``submit`` is told of each job."""
    texts = {name: getattr(given, name) for name in _HINTS}
    return {
        name: text if name == "group" else as_seconds(text)
        for name, text in texts.items()
        if text is not None
    }


def strategy(parser: Parser, given: argparse.Namespace) -> DurationAware | None:
    """Returns the strategy that learns, or None where it was not asked for.

    Ends the process where an option is wrong; what is wrong with a history is a warning.
    """
    if given.learn is None:
        if given.poll_cost is not None:
            parser.error(f"argument --poll-cost: only with {_LEARN}")
        return None
    from ..timing import DurationAware  # noqa: PLC0415 - only here

    costs = {} if given.poll_cost is None else {"poll_cost": as_seconds(given.poll_cost)}
    try:
        DurationAware(**costs)  # before a file is made
    except (TypeError, ValueError) as error:
        parser.error(refused(error))
    return DurationAware(**costs, history=_history(given.learn))


def to_repeat(given: argparse.Namespace, elapsed: float | None) -> list[str]:
    """Returns the options for a command that goes on.

    Args:
        given: Those of the one before.
        elapsed: The seconds that have passed; None: what is known of the jobs is kept.
    """
    words = [] if given.learn is None else [f"{_LEARN}={given.learn}".rstrip("=")]
    options = {"poll-cost": given.poll_cost}
    if elapsed is not None:
        age, *names = _HINTS
        options.update((name, getattr(given, name, None)) for name in names)
        if getattr(given, age, None) is not None:
            options[age] = f"{as_seconds(given.age) + elapsed:.0f}"
    return words + [f"--{name}={text}" for name, text in options.items() if text is not None]


def default_file(environment: Mapping[str, str], *, windows: bool) -> Path:
    """Returns where a history stands that has no other place.

    Raises:
        RuntimeError: It is not known who the user is.
    """
    # A relative path is to be ignored (XDG Base Directory Specification).
    folder = Path(environment.get("LOCALAPPDATA" if windows else "XDG_STATE_HOME", ""))
    if not folder.is_absolute():
        folder = Path.home() / ("AppData/Local" if windows else ".local/state")
    return folder / NAME / "durations.sqlite3"


def _history(name: str) -> DurationHistory:
    """Returns the history in a file, or one in memory."""
    from ..timing import DurationHistory  # noqa: PLC0415 - only here

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        try:
            history = DurationHistory(name or default_file(os.environ, windows=os.name == "nt"))
        except (RuntimeError, ValueError) as error:
            complain(f"warning: {refused(error)}; what is learned is forgotten at the end")
            return DurationHistory()
    for warning in caught:
        complain(f"warning: {warning.message}")
    return history
