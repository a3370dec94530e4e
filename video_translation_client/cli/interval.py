"""The option ``--interval`` of ``watch``: the same wait after every poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..strategy import FixedInterval
from .options import BACKOFF, as_seconds, option
from .parser import Parser
from .wording import refused

if TYPE_CHECKING:
    import argparse


def add_interval(group: argparse._ArgumentGroup) -> None:
    """Gives a parser's options about pacing the one for the same wait after every poll."""
    group.add_argument(
        "--interval",
        metavar="SECONDS",
        help="the same wait after every poll, in place of those that grow or are learned",
    )


def fixed_interval(parser: Parser, given: argparse.Namespace) -> FixedInterval | None:
    """Returns the strategy that ``--interval`` asks for, if it does, or ends the process."""
    if given.interval is None:
        return None
    others = {option(name): getattr(given, name) for name in BACKOFF}
    for other, value in {**others, "--learn": given.learn}.items():
        if value is not None:
            parser.error(f"argument --interval: not allowed with argument {other}")
    try:  # without jitter: who asks for two seconds does not want three
        return FixedInterval(as_seconds(given.interval), jitter=0.0)
    except (TypeError, ValueError) as error:
        parser.error(refused(error))
