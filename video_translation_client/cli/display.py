"""The live display on a terminal: a line for each job that fits, then the totals.

It draws a frame over the frame before and leaves the last one standing. What stands above
stays where it is, and each frame costs as much as the terminal is high, plus one cheap look
at each running job. Importing this module needs rich.
"""

from __future__ import annotations

import itertools
import math
import sys
from typing import Iterable

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.spinner import Spinner
from rich.text import Text

from ..clock import Clock
from .following import COMPLETED, ERROR, PENDING, REJECTED, TIMEOUT, Board, Job, View, where
from .output import OutputLostError, printable
from .wording import likely

_INTERVAL = 0.1  # seconds between two frames
_SHARE = 20  # drawing takes no more than one part in so many of the time
_BAR = 24  # cells of a progress bar, at most
_NARROW = 60  # cells of a terminal with room for a bar of that size

_STYLES = {
    PENDING: "cyan",
    COMPLETED: "green",
    ERROR: "red",
    REJECTED: "magenta",
    TIMEOUT: "yellow",
}


# Lines of a frame beside those of its jobs, at most.
_ROOM_BESIDE = 12


class Live(View):
    """Draws on standard output, which must be a terminal with cursor movement."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False)
        self._clock = Clock()
        self._drawn: list[int] = []  # the cells of each line of the latest frame
        ascii_only = self._console.options.ascii_only
        self._spinner = Spinner("line" if ascii_only else "dots")
        self._ellipsis = "..." if ascii_only else "…"
        self._bar = "#-" if ascii_only else "━─"
        marks = "+xx~" if ascii_only else "✓✗✗~"
        self._marks = dict(zip((COMPLETED, ERROR, REJECTED, TIMEOUT), marks))

    def changed(self, job: Job) -> None:
        """Waits for the next frame."""

    def tick(self, board: Board) -> float:
        """Draws a frame."""
        began = self._clock.monotonic()
        self._draw(board)
        return max(_INTERVAL, _SHARE * (self._clock.monotonic() - began))

    def close(self, board: Board) -> None:
        """Draws the frame that stays, with all jobs that failed, however many."""
        failed = 0 if board.interrupted else len(board.ended[ERROR]) + len(board.ended[REJECTED])
        self._draw(board, failed)

    def _draw(self, board: Board, least: int = 0) -> None:
        width, height = self._console.size
        lines = self._lines(board, width, max(height, least and least + _ROOM_BESIDE))
        for line in lines:
            line.truncate(width - 1, overflow="crop")
        try:
            with self._console:  # one write
                self._console.control(self._erasure(width, height))
                self._console.print(Text("\n").join(lines), no_wrap=True, overflow="crop")
        except OSError as error:
            raise OutputLostError(error.strerror or str(error)) from error
        self._drawn = [line.cell_len for line in lines]

    def _erasure(self, width: int, height: int) -> Control:
        """Erases the latest frame, whose lines a terminal made narrower has wrapped."""
        rows = sum(max(1, math.ceil(cells / width)) for cells in self._drawn)
        line_up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
        return Control(
            ControlType.CARRIAGE_RETURN,
            (ControlType.ERASE_IN_LINE, 2),
            *(line_up * min(rows, height - 1)),
        )

    def _lines(self, board: Board, width: int, height: int) -> list[Text]:
        totals = _packed(self._totals(board), width - 1)
        # The cursor has a line of its own, below, where a ^C does no harm.
        room = max(0, height - 1 - len(totals))
        jobs = list(itertools.islice(_most_telling(board, room), room))
        if len(jobs) < len(board.jobs) and room:
            jobs.pop()
            totals.insert(0, Text(f"{self._ellipsis} {len(board.jobs) - len(jobs):,} more", "dim"))
        names = [printable((job.future.job_id or "the job")[:width]) for job in jobs]
        room_for_names = min(max(map(cell_len, names), default=0), max(8, width // 2))
        return [
            self._line(job, name, room_for_names, width) for job, name in zip(jobs, names)
        ] + totals[-max(1, height - 1) :]

    def _line(self, job: Job, name: str, room_for_name: int, width: int) -> Text:
        status = job.status or PENDING
        style = _STYLES[status]
        label = Text(name)
        label.truncate(room_for_name, overflow="ellipsis", pad=True)
        if status in self._marks:
            line = Text.assemble((self._marks[status], style), " ", label, "  ", (status, style))
            detail = printable(job.reason or where(job)) or f"after {job.future.elapsed:.1f} s"
            return line.append(f"{' ' * (10 - len(status))} {detail}", "dim")
        frames, frame_time = self._spinner.frames, self._spinner.interval / 1000
        frame = frames[int(self._clock.monotonic() / frame_time) % len(frames)]
        line = Text.assemble((frame, style), " ", label, "  ", (f"{status:<11}", style))
        if job.progress is not None:
            bar = _BAR if width >= _NARROW else _BAR // 3
            filled = int(job.progress * bar)
            line.append(self._bar[0] * filled, style).append(self._bar[1] * (bar - filled), "dim")
            line.append(f" {job.progress:4.0%}  ")
        line.append(self._detail(job), "dim")
        # All else matters more, so this gets what is left of the line.
        estimate = job.estimate
        for text in reversed(likely(estimate) if estimate else ()):
            if line.cell_len + len(text) + 2 < width:
                return line.append(f", {text}", "dim")
        return line

    def _detail(self, job: Job) -> str:
        soon = "downloading" if job.is_downloading else _soon(job.future.next_poll)
        detail = f"{_polls(job.future.attempts)}, {soon}"
        return detail if job.trouble is None else f"{detail}; {printable(job.trouble.reason)}"

    def _totals(self, board: Board) -> list[Text]:
        waiting = len(board.job_ids) - sum(map(len, board.ended.values()))
        counts = {PENDING: waiting, **{word: len(jobs) for word, jobs in board.ended.items()}}
        always = (PENDING, COMPLETED, ERROR)
        parts = [
            Text(f"{counts[word]:,} {word}", _STYLES[word] if counts[word] else "dim")
            for word in (*always, REJECTED, TIMEOUT)
            if counts[word] or word in always
        ]
        minutes, seconds = divmod(int(board.elapsed), 60)
        parts.append(Text(_polls(board.polls)))
        parts.append(Text(f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"))
        if board.running and not board.interrupted:
            parts.append(Text(_soon(board.next_poll)))
        return parts


def _most_telling(board: Board, room: int) -> Iterable[Job]:
    """Yields the jobs in order if all fit; else those still running first, then the failed."""
    if len(board.jobs) <= room:
        return board.jobs.values()
    ended = (board.ended[word] for word in (ERROR, REJECTED, TIMEOUT, COMPLETED))
    return itertools.chain(board.running.values(), *map(reversed, ended))


def _packed(parts: list[Text], width: int) -> list[Text]:
    """Returns lines of no more than ``width`` cells with the parts, as far as each one fits."""
    lines = [parts[0]]
    for part in parts[1:]:
        lines[-1] = lines[-1] + ", "
        if lines[-1].cell_len + part.cell_len > width:
            lines.append(part)
        else:
            lines[-1] = lines[-1] + part
    return lines


def _polls(count: int) -> str:
    return f"{count:,} poll" if count == 1 else f"{count:,} polls"


def _soon(seconds: float | None) -> str:
    return "polling now" if seconds is None else f"next poll in {math.ceil(seconds)} s"
