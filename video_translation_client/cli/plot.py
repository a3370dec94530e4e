"""The picture of ``plan``: what strategies cost, and when they poll. Importing it needs matplotlib.

The same durations give the same file, byte for byte, with the same matplotlib.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Bbox

from .chart import Axis, axis_for
from .contest import LEARNED, OPTIMUM, Contest, Entry
from .optimum import optimum, outcome

if TYPE_CHECKING:
    from typing import Tuple

    from matplotlib.axes import Axes

    Dot = Tuple[float, float]  # polls of a job, and its lateness in seconds

_INCHES = (10.0, 4.8)
_DPI = 160  # of a .png

_STYLE = {
    "font.family": "DejaVu Sans",  # which matplotlib brings along
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#666666",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "svg.hashsalt": "plan",  # else the ids in it are random
}

_COLOURS = ("#4c78a8", "#9467bd", "#b07d2b", "#8c8c2e", "#7f7f7f")
_EMPHASIZED = {LEARNED: "#d1495b", OPTIMUM: "#2a9d6f"}

# Poll costs of the frontier, as parts of the one in question.
_FRONTIER = [10 ** (step / 30) for step in range(-72, 90)]

_BINS = 60

# Seconds; a logarithmic axis has no 0.
_LEAST_LATENESS = 1e-3

# Where a label may stand, in points from its dot, the best places first.
_PLACES = (
    *((9, 0, "left"), (-9, 0, "right"), (0, 11, "center"), (0, -11, "center")),
    *((7, 9, "left"), (7, -9, "left"), (-7, 9, "right"), (-7, -9, "right")),
    *((7, 18, "left"), (7, -18, "left"), (9, 0, "left")),
)


def draw(name: str, contest: Contest, entries: Sequence[Entry]) -> None:
    """Writes the picture to a file, whose name ends in .png or .svg.

    Raises:
        OSError: It can't be written.
    """
    ending = Path(name).suffix.lower()[1:]
    with style.context(["default", _STYLE]):
        figure = Figure(figsize=_INCHES, layout="constrained")
        FigureCanvasAgg(figure)  # measures the labels
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.12), height_ratios=(1.25, 1))
        costs, ends = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1])
        _draw_ends(ends, contest, entries)
        _draw_polls(figure.add_subplot(grid[1, 1]), contest, entries)
        line = _draw_costs(costs, contest, entries)
        figure.draw_without_rendering()
        _label(costs, entries, line)
        # By default, the file would tell when it was made, and by what.
        metadata: dict[str, Any] = {"Date": None} if ending == "svg" else {"Software": None}
        figure.savefig(name, format=ending, dpi=_DPI, metadata=metadata)


def _draw_costs(axes: Axes, contest: Contest, entries: Sequence[Entry]) -> list[Dot]:
    """Draws the strategies as dots, and what no strategy gets below as a line, which it returns."""
    frontier = [_best(contest, part * contest.poll_cost) for part in _FRONTIER]
    axes.plot(*zip(*frontier), color=_EMPHASIZED[OPTIMUM], linewidth=1.5, zorder=1)
    dots = list(map(_dot, entries))
    for dot, colour in zip(dots, _colours(entries)):
        axes.plot(*dot, "o", color=colour, markersize=7, zorder=2)
    axes.set(xscale="log", yscale="log", title="What it costs")
    axes.set(xlabel="requests for one job", ylabel="mean lateness in seconds")
    axes.set(xlim=_limits([x for x, _ in dots]), ylim=_limits([y for _, y in dots]))
    axes.text(
        *(0.03, 0.03, "no strategy\ngets below\nthis line"),
        transform=axes.transAxes,
        color=_EMPHASIZED[OPTIMUM],
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    return frontier


def _best(contest: Contest, poll_cost: float) -> Dot:
    moments = optimum(contest.known, poll_cost, contest.min_interval).moments
    polls, lateness = outcome(contest.known, moments)
    return polls, max(lateness, _LEAST_LATENESS)


def _dot(entry: Entry) -> Dot:
    """Returns where an entry stands; nowhere, if no job was seen to end."""
    lateness = entry.simulation.mean_lateness
    return entry.simulation.polls_per_job, max(lateness, _LEAST_LATENESS)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Returns limits of a logarithmic axis, with room for labels."""
    known = [value for value in values if not math.isnan(value)] or [1.0]
    return min(known) / 2.0, max(known) * 2.0


def _draw_ends(axes: Axes, contest: Contest, entries: Sequence[Entry]) -> None:
    """Draws how many jobs end when, with the polls of the learned strategy."""
    axis = axis_for(contest.known)
    axes.hist(contest.known, bins=_BINS, range=(0.0, axis.end), color="#c9d3dc")
    for moment in next(entry.schedule for entry in entries if entry.name == LEARNED):
        axes.axvline(moment, color=_EMPHASIZED[LEARNED], linewidth=0.9)
    axes.set(title="When jobs end, and when the learned strategy asks", yticks=[])
    axes.spines["left"].set_visible(False)
    _set_time(axes, axis)
    axes.tick_params(labelbottom=False)


def _draw_polls(axes: Axes, contest: Contest, entries: Sequence[Entry]) -> None:
    """Draws when each strategy polls, a row for each, the first one on top."""
    rows = range(len(entries) - 1, -1, -1)
    schedules = [entry.schedule for entry in entries]
    axes.eventplot(
        schedules, lineoffsets=list(rows), linelengths=0.6, linewidths=0.9, colors=_colours(entries)
    )
    axes.set(ylim=(-0.6, len(entries) - 0.4), xlabel="after the submit")
    axes.set_yticks(list(rows), labels=[entry.name for entry in entries])
    for label, colour in zip(axes.get_yticklabels(), _colours(entries)):
        label.set_color(colour)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _set_time(axes, axis_for(contest.known))


def _set_time(axes: Axes, axis: Axis) -> None:
    axes.set_xticks([moment for moment, _ in axis.ticks], labels=[text for _, text in axis.ticks])
    axes.set_xlim(-0.01 * axis.end, axis.end)  # so that the poll at the submit can be seen


def _label(axes: Axes, entries: Sequence[Entry], line: Sequence[Dot]) -> None:
    """Names the dots, each where its name covers nothing, or else beside it."""
    dots = axes.transData.transform([*map(_dot, entries), *line])
    taken = [
        Bbox.from_extents(x - size, y - size, x + size, y + size)
        for (x, y), size in zip(dots, [*[6] * len(entries), *[1] * len(line)])
    ]
    in_turn = sorted(
        zip(entries, _colours(entries)), key=lambda one: one[0].name not in _EMPHASIZED
    )
    for entry, colour in in_turn:
        label = axes.annotate(
            entry.name, _dot(entry), (0, 0), textcoords="offset points", color=colour, va="center"
        )
        for x, y, side in _PLACES:
            label.set(position=(x, y), ha=side)
            box = label.get_window_extent()
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
            if inside and not box.count_overlaps(taken):
                break
        taken.append(box)


def _colours(entries: Sequence[Entry]) -> list[str]:
    plain = iter(_COLOURS)
    return [_EMPHASIZED.get(entry.name) or next(plain) for entry in entries]
