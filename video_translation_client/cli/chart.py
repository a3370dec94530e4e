"""A chart of characters: where jobs end, and where each strategy polls."""

from __future__ import annotations

import math
from typing import Iterator, NamedTuple, Sequence

_JOBS = "jobs that end"
_HEIGHT = 6  # lines of the histogram
_MOST_COLUMNS = 120
_LEAST_COLUMNS = 24
_TICKS = 5  # at most so many beside 0

# Parts of a line's height, from none to all.
_BARS = " ▁▂▃▄▅▆▇█"
_ASCII_BARS = " #"
_AXIS, _ASCII_AXIS = "─┴", "-+"

# The share of jobs that the time axis reaches to, and what is left free beyond.
_REACH = 0.99
_MARGIN = 1.05

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (0.0, "s"))
_STEPS = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(step * _MINUTE for step in (1, 2, 5, 10, 15, 30)),
    *(step * _HOUR for step in (1, 2, 3, 6, 12, 24)),
)


class Axis(NamedTuple):
    """A time axis that begins at 0.

    Attributes:
        end: In seconds, above 0.
        ticks: In seconds, with what to write there.
    """

    end: float
    ticks: Sequence[tuple[float, str]]


def axis_for(durations: Sequence[float]) -> Axis:
    """Returns an axis that nearly all durations fit on."""
    ordered = sorted(durations)
    end = _MARGIN * ordered[math.ceil(_REACH * len(ordered)) - 1] or 1.0
    step = _step(end / _TICKS)
    size, unit = next((size, unit) for size, unit in _UNITS if step >= size)
    ticks = [(step * i, f"{step * i / (size or 1.0):g}") for i in range(int(end / step) + 1)]
    last, label = ticks.pop()
    return Axis(end, [*ticks, (last, f"{label} {unit}")])


def chart(
    durations: Sequence[float],
    schedules: Sequence[tuple[str, Sequence[float]]],
    width: int,
    encoding: str,
) -> Iterator[str]:
    """Yields the lines of the chart.

    Args:
        durations: Of jobs, one at least.
        schedules: Names, and the seconds after the submit at which polls are.
        width: The most characters of a line.
        encoding: What it lacks is not used.
    """
    room = max(len(name) for name in [_JOBS, *(name for name, _ in schedules)])
    columns = max(_LEAST_COLUMNS, min(width - room - 6, _MOST_COLUMNS))
    axis = axis_for(durations)
    plain = not _has(encoding, _BARS + _AXIS)
    bars = _bars(_counted(durations, axis.end, columns), _ASCII_BARS if plain else _BARS)
    for line, label in zip(bars, [_JOBS, *[""] * _HEIGHT]):
        yield f"{label:<{room}}  {line}".rstrip()
    ruler, labels = _ruler(axis, columns, _ASCII_AXIS if plain else _AXIS)
    yield f"{'':<{room}}  {ruler}"
    yield f"{'after':<{room}}  {labels}".rstrip()
    for name, moments in schedules:
        counts = _counted(moments, axis.end, columns)
        yield f"{name:<{room}}  {''.join(map(_mark, counts))}".rstrip()


def _step(least: float) -> float:
    """Returns a round number of seconds, minutes, hours or days."""
    if _STEPS[0] / 2 < least <= _STEPS[-1]:
        return next(step for step in _STEPS if least <= step)
    size = _DAY if least > _DAY else 1.0
    power = 10.0 ** math.floor(math.log10(least / size))
    return next(part * power * size for part in (1, 2, 5, 10) if least <= part * power * size)


def _counted(moments: Sequence[float], end: float, columns: int) -> list[int]:
    """Returns how many moments each column of the axis has; those beyond are left out."""
    counts = [0] * columns
    for moment in moments:
        if moment < end:
            counts[int(moment / end * columns)] += 1
    return counts


def _bars(counts: Sequence[int], parts: str) -> Iterator[str]:
    """Yields the lines of a histogram from above, each column filled up to its height."""
    steps = len(parts) - 1
    tallest = max(counts)
    heights = [math.ceil(_HEIGHT * steps * count / tallest) for count in counts]
    for line in range(_HEIGHT - 1, -1, -1):
        yield "".join(parts[min(steps, max(0, height - line * steps))] for height in heights)


def _ruler(axis: Axis, columns: int, signs: str) -> tuple[str, str]:
    ruler, labels = [signs[0]] * columns, ""
    for moment, label in axis.ticks:
        place = int(moment / axis.end * columns)
        ruler[place] = signs[1]
        labels = f"{labels:<{max(0, place - len(label) // 2)}}{label}"
    return "".join(ruler), labels


def _mark(count: int) -> str:
    if count < 2:
        return "|" if count else " "
    return str(count) if count < 10 else "+"


def _has(encoding: str, characters: str) -> bool:
    try:
        characters.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
