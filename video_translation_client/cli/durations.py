"""How long jobs take, for the command ``plan``: from a file, from a history, or made up."""

from __future__ import annotations

import csv
import io
import math
import random
import sys
import warnings
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

from .._base import arguments, units
from .._base.arguments import ArgumentError
from .input import decoded

MOST = 1e9
"""The longest duration in seconds; 32 years."""

_MADE_UP = 2000  # durations that stand for a distribution
_SEPARATORS = ",;\t"


class DurationsError(Exception):
    """There are no durations to be had; the message says why, in the command line's words."""


class Durations(NamedTuple):
    """How long jobs take.

    Attributes:
        seconds: Of each job, in the order in which they were seen, one at least.
        source: Where they are from, for people.
    """

    seconds: Sequence[float]
    source: str


def made_up(median: float, spread: float, seed: int) -> Durations:
    """Returns durations whose logarithms are normally distributed, in an order by chance.

    They are evenly spread over the distribution, so that few of them show it well.

    Args:
        median: In seconds, above 0.
        spread: The standard deviation of the logarithm, 0 or more.
        seed: Of the chance.

    Raises:
        DurationsError: Some would be too long.
    """
    longest = median * math.exp(min(spread * _normal_quantile(1 - 0.5 / _MADE_UP), 700.0))
    if longest > MOST:
        raise DurationsError(f"--median and --spread give jobs of {longest:.3g} s: too long")
    shares = [(rank + 0.5) / _MADE_UP for rank in range(_MADE_UP)]
    seconds = [median * math.exp(spread * _normal_quantile(share)) for share in shares]
    random.Random(seed).shuffle(seconds)
    return Durations(seconds, f"log-normal, median {median:g} s, spread {spread:g}")


def of_file(name: str, column: str | None) -> Durations:
    """Reads one number a line, or one column of a CSV file.

    Args:
        name: Of the file; ``-`` is standard input.
        column: The name of the column, which the first line holds; None: there are no columns.

    Raises:
        DurationsError: It can't be read, or holds something else.
    """
    shown = "standard input" if name == "-" else name
    cells = _lines(_text_of(name, shown)) if column is None else _cells(name, shown, column)
    seconds = [_seconds(shown, number, text) for number, text in cells]
    if not seconds:
        raise DurationsError(f"{shown}: it holds no durations")
    return Durations(seconds, shown if column is None else f"{shown}, column {column}")


def of_history(name: str, service: str | None) -> Durations:
    """Reads how long the jobs of a service took from the file of a ``DurationHistory``.

    Of an end that is known as an interval, the middle counts.

    Args:
        name: Of the file.
        service: The name of the service; None: the only one in it.

    Raises:
        DurationsError: There is none such.
    """
    from ..timing import DurationHistory  # noqa: PLC0415 - only here

    if not Path(name).is_file():
        raise DurationsError(f"{name}: there is no such file")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            with DurationHistory(name) as history:
                known = history.services()
                service = _only(name, known) if service is None else service
                observations = history.observations(service)
        except ArgumentError as error:
            raise DurationsError(f"--history {error.problem}") from None
        except RuntimeWarning as error:
            raise DurationsError(str(error)) from None
    if service not in known:
        raise DurationsError(f"{name}: it knows no service {service!r}, but {_listed(known)}")
    ended = [one for one in observations if math.isfinite(one.high)]
    if not ended:
        raise DurationsError(f"{name}: no job of {service!r} was seen to end")
    seconds = [min(0.5 * (one.low + one.high), MOST) for one in ended]
    return Durations(seconds, f"{name}, service {service}")


def _only(name: str, known: Sequence[str]) -> str:
    if len(known) == 1:
        return known[0]
    if not known:
        raise DurationsError(f"{name}: it holds no durations")
    raise DurationsError(f"{name}: choose one with --for-service: {_listed(known)}")


def _text_of(name: str, shown: str) -> str:
    try:
        if name == "-":
            content = b"" if sys.stdin is None else sys.stdin.buffer.read()
        else:
            content = Path(name).read_bytes()
        return decoded(content)
    except OSError as error:
        raise DurationsError(f"{shown}: it can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DurationsError(f"{shown}: it is not text in UTF-8 or UTF-16") from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    lines = enumerate(text.splitlines(), 1)
    return ((number, line.strip()) for number, line in lines if line.strip())


def _cells(name: str, shown: str, column: str) -> Iterator[tuple[int, str]]:
    """Yields the numbers of lines, and what stands in the column; empty lines are left out."""
    text = _text_of(name, shown)
    heading = text.lstrip().partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(_SEPARATORS, key=heading.count)
    )
    try:
        rows = ((reader.line_num, [cell.strip() for cell in row]) for row in reader if row)
        _, names = next(rows, (0, []))
        if not names:
            return
        if column not in names:
            raise DurationsError(f"{shown}: there is no column {column!r}, but {_listed(names)}")
        place = names.index(column)
        for number, row in rows:
            if len(row) <= place:
                raise DurationsError(f"{shown}, line {number}: it has no column {column!r}")
            yield number, row[place]
    except csv.Error as error:
        raise DurationsError(f"{shown}, line {reader.line_num}: {error}") from None


def _seconds(shown: str, line: int, text: str) -> float:
    try:
        return arguments.number("", units.seconds(text), least=0, most=MOST)
    except ValueError:
        advice = "; --column NAME reads one column of a CSV file" if "," in text else ""
        problem = f"must be a number of seconds, 0 or more, not {text[:100]!r}{advice}"
        raise DurationsError(f"{shown}, line {line}: {problem}") from None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _normal_quantile(share: float) -> float:
    """Returns what the normal distribution has this share below; Python 3.7 has no NormalDist."""
    low, high = -9.0, 9.0
    for _ in range(48):
        middle = 0.5 * (low + high)
        if 0.5 * math.erfc(-middle / math.sqrt(2)) < share:
            low = middle
        else:
            high = middle
    return high
