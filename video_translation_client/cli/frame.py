"""What a frame of the live display says: the lines of each job that fits, then the totals.

It costs as much as the terminal is high, plus one cheap look at each running job. While a job
runs, its line is one: first its bar gives way, then the middle of its id, its likely end, and the
number of its polls; its percentage, its next poll and what went wrong stay. What rich's tables
can't do, which is to let one column shrink before another, is done here.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator

from rich.cells import cell_len
from rich.spinner import Spinner
from rich.text import Text

from .board import COMPLETED, ERROR, PENDING, REJECTED, TIMEOUT, Board, Job, where
from .output import printable
from .wording import likely

if TYPE_CHECKING:
    from rich.console import Console

    from ..clock import Clock

_BAR = (6, 24)  # cells of a progress bar, with the space behind it: at least, and at most
_NAME = 16  # cells that an id keeps, as long as something else can give way
_SHORTEST_NAME = 8  # cells that it always keeps
_MARK = 2  # cells of the mark, with the space behind it
_STATUS = 11  # cells of the status, with the spaces behind it
_PERCENTAGE = 6  # likewise
_REASON = 40  # cells that make a column for a reason; where it has fewer, it stands below
_INDENT = 4  # cells before what stands below the line of its job

# Cells kept for what changes all the time, so that nothing jumps because of it.
_POLLS = len("99 polls, ")
_NEXT_POLL = len("next poll in 999 s")

# With more jobs running than these, their likely ends are not all looked at for each frame.
_MOST_ESTIMATES = 100

_STYLES = {
    PENDING: "cyan",
    COMPLETED: "green",
    ERROR: "red",
    REJECTED: "magenta",
    TIMEOUT: "yellow",
}


class Look:
    """The characters that a terminal can show."""

    def __init__(self, console: Console, clock: Clock) -> None:
        ascii_only = console.options.ascii_only
        self.console = console
        self.ellipsis = "..." if ascii_only else "…"
        self.bar = "#-" if ascii_only else "━─"
        marks = "+xx~" if ascii_only else "✓✗✗~"
        self.marks = dict(zip((COMPLETED, ERROR, REJECTED, TIMEOUT), marks))
        self._spinner = Spinner("line" if ascii_only else "dots")
        self._clock = clock

    def mark(self, status: str) -> str:
        """Returns the character for a status; for one that is no end, it moves."""
        if status in self.marks:
            return self.marks[status]
        frames, frame_time = self._spinner.frames, self._spinner.interval / 1000
        return frames[int(self._clock.monotonic() / frame_time) % len(frames)]

    def shortened(self, text: str, cells: int) -> str:
        """Returns text that is no wider, without its middle if need be."""
        if cell_len(text) <= cells:
            return text
        front = back = ""
        left = cells - len(self.ellipsis)
        # What differs between the ids of one service is more often at their end.
        while True:
            is_front = len(front) < len(back)
            more = text[len(front)] if is_front else text[-1 - len(back)]
            left -= cell_len(more)
            if left < 0:
                return f"{front}{self.ellipsis}{back}"
            front, back = (front + more, back) if is_front else (front, more + back)


@dataclass(frozen=True)
class Plan:
    """How the cells of a line are shared out, alike for all running jobs of a frame.

    Attributes:
        name: Cells for ids.
        bar: Cells for bars.
        percentage: Cells for percentages.
        tells_status: Whether a running job's line has its status in words.
        tells_polls: Whether it has the number of its polls.
        tells_end: Whether it has its likely end.
    """

    name: int
    bar: int = 0
    percentage: int = 0
    tells_status: bool = True
    tells_polls: bool = True
    tells_end: bool = True


class Frame:
    """What is to be drawn at one moment.

    Args:
        board: Says how things stand.
        look: The terminal's characters.
        width: Cells of a line of the terminal; the last one stays empty, as it may wrap.
        is_last: Whether this frame stays; reasons are whole in it.
    """

    def __init__(self, board: Board, look: Look, width: int, *, is_last: bool = False) -> None:
        self._board = board
        self._look = look
        self._room = width - 1
        self._is_last = is_last

    def lines(self, height: int, least: int = 0) -> list[Text]:
        """Returns the lines.

        Args:
            height: Rows of the terminal.
            least: Jobs that are shown in any case.
        """
        board = self._board
        totals = _packed(self._totals(), self._room)
        # The cursor has a line of its own, below, where a ^C does no harm.
        room = max(0, height - 1 - len(totals))
        most = max(room, least)
        jobs = list(itertools.islice(_most_telling(board, most), most))
        plan = self._plan([job for job in jobs if job.is_running], list(map(_name, jobs)))
        lines: list[Text] = []
        shown = 0
        for job in jobs:
            of_job = list(self._lines(job, plan))
            row_for_more = shown + 1 < len(board.jobs)
            if shown >= least and len(lines) + len(of_job) + row_for_more > room:
                break
            lines += of_job
            shown += 1
        if shown < len(board.jobs) and most:
            more = f"{self._look.ellipsis} {len(board.jobs) - shown:,} more"
            lines.append(Text(more, "dim"))
        return lines + totals[-max(1, height - 1) :]

    def about_results(self) -> list[Text]:
        """Returns how to get the URLs of results, if there are any."""
        count = sum(1 for job in self._board.ended[COMPLETED] if job.result)
        if not count:
            return []
        results, urls = (
            ("1 result", "its URL") if count == 1 else (f"{count:,} results", "their URLs")
        )
        text = (
            f"{results}: the same command with --result writes {urls}, which may open for anybody"
        )
        return self._wrapped(Text(text, "dim"), self._room)

    def _plan(self, jobs: list[Job], names: list[str]) -> Plan:
        """Shares the cells out; ``jobs`` are those that run."""
        name = max(map(cell_len, names), default=0)
        if not jobs:
            return Plan(min(name, max(_SHORTEST_NAME, self._room - _MARK - 2 - _STATUS)))
        percentage = _PERCENTAGE if any(job.progress is not None for job in jobs) else 0
        ways = [(True, True, True), (True, False, True), (True, False, False)]
        for way in [*ways, (False, False, False)]:
            plan = Plan(name, 0, percentage, *way)
            needed = max(self._needed(job, plan) for job in jobs)
            left = self._room - needed - name
            if left >= min(0, _NAME - name):
                break
        least, most = _BAR
        bar = min(left, most + 1) if percentage and left >= least else 0
        return Plan(min(name, max(_SHORTEST_NAME, name + left)), bar, percentage, *way)

    def _needed(self, job: Job, plan: Plan) -> int:
        """Returns the cells that the line of a running job needs beside its id and bar."""
        cells = _MARK + 2 + plan.percentage + max(_NEXT_POLL, len(_soon(job)))
        if plan.tells_status:
            cells += _STATUS
        if plan.tells_polls:
            cells += max(_POLLS, len(f"{_polls(job.future.attempts)}, "))
        if plan.tells_end and job.estimate:
            cells += len(f", {likely(job.estimate)[0]}")
        failure = self._failure(job, plan.percentage)
        return cells + cell_len(failure)

    def _failure(self, job: Job, percentage: int) -> str:
        """Returns what went wrong, where there is room for it in the line of a running job."""
        if job.trouble is None:
            return ""
        text = f"; {printable(job.trouble.reason)}"
        least = _MARK + min(cell_len(_name(job)), _NAME) + 2 + _STATUS + percentage + _NEXT_POLL
        return text if least + cell_len(text) <= self._room else ""

    def _lines(self, job: Job, plan: Plan) -> Iterator[Text]:
        status = job.status or PENDING
        style = _STYLES[status]
        name = self._look.shortened(_name(job), plan.name)
        line = Text.assemble((self._look.mark(status), style), f" {name}")
        line.append(" " * (_MARK + plan.name + 2 - line.cell_len))
        if status in self._look.marks:
            line.append(f"{status:<{_STATUS}}", style)
            reason = printable(job.reason or where(job))
            took = Text(f"after {job.future.elapsed:.1f} s", "dim")
            yield from self._with_reason(line, Text(reason) if reason else took)
            return
        if plan.tells_status:
            line.append(f"{status:<{_STATUS}}", style)
        if job.progress is not None:
            self._append_progress(line, job.progress, plan, style)
        polls = f"{_polls(job.future.attempts)}, " if plan.tells_polls else ""
        failure = self._failure(job, plan.percentage)
        line.append(f"{polls}{_soon(job)}", "dim").append(failure)
        estimate = job.estimate
        for text in reversed(likely(estimate) if estimate and plan.tells_end else ()):
            if line.cell_len + len(text) + 2 <= self._room:
                line.append(f", {text}", "dim")
                break
        yield line
        if job.trouble is not None and not failure:
            yield from self._below(Text(printable(job.trouble.reason)))

    def _append_progress(self, line: Text, progress: float, plan: Plan, style: str) -> None:
        if plan.bar:
            filled = int(progress * (plan.bar - 1))
            line.append(self._look.bar[0] * filled, style)
            line.append(f"{self._look.bar[1] * (plan.bar - 1 - filled)} ", "dim")
        line.append(f"{progress:4.0%}  ")

    def _with_reason(self, line: Text, reason: Text) -> Iterator[Text]:
        """Yields the line of a job that has ended with its reason: whole, if the frame stays."""
        room = self._room - line.cell_len
        if self._is_last and reason.cell_len > room < _REASON:
            line.rstrip()
            yield line
            yield from self._below(reason)
            return
        if not self._is_last and reason.cell_len > room:
            reason.truncate(max(0, room - len(self._look.ellipsis)), overflow="crop")
            yield line.append_text(reason).append(self._look.ellipsis)
            return
        first, *others = self._wrapped(reason, max(room, 1))
        indent = " " * line.cell_len
        yield line.append_text(first)
        for other in others:
            yield Text(indent).append_text(other)

    def _below(self, text: Text) -> Iterator[Text]:
        """Yields text as lines below that of its job."""
        for line in self._wrapped(text, max(1, self._room - _INDENT)):
            yield Text(" " * _INDENT).append_text(line)

    def _wrapped(self, text: Text, width: int) -> list[Text]:
        return list(text.wrap(self._look.console, width, overflow="fold"))

    def _totals(self) -> list[Text]:
        board = self._board
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
        parts.append(Text(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} elapsed"))
        if board.running and not board.interrupted:
            parts.append(Text(_poll_in(board.next_poll)))
            parts += map(Text, self._likely_end())
        return parts

    def _likely_end(self) -> list[str]:
        """Returns when the last of several running jobs is likely done, if that is known of all."""
        running = self._board.running.values()
        if not 1 < len(running) <= _MOST_ESTIMATES:
            return []
        estimates = [job.estimate for job in running]
        known = [estimate for estimate in estimates if estimate is not None]
        if len(known) < len(estimates):
            return []
        return [f"the last {likely(max(known, key=lambda estimate: estimate[1]))[0]}"]


def _most_telling(board: Board, room: int) -> Iterable[Job]:
    """Yields the jobs in order if all fit; else those still running first, then the failed."""
    if len(board.jobs) <= room:
        return board.jobs.values()
    ended = (board.ended[word] for word in (ERROR, REJECTED, TIMEOUT, COMPLETED))
    return itertools.chain(board.running.values(), *map(reversed, ended))


def _packed(parts: list[Text], width: int) -> list[Text]:
    """Returns lines of no more than ``width`` cells with the parts, as far as each one fits."""
    lines = [Text().append_text(parts[0])]
    for part in parts[1:]:
        lines[-1].append(", ")
        if lines[-1].cell_len + part.cell_len > width:
            lines.append(Text())
        lines[-1].append_text(part)
    return lines


def _name(job: Job) -> str:
    return printable(job.future.job_id or "the job")


def _polls(count: int) -> str:
    return f"{count:,} poll" if count == 1 else f"{count:,} polls"


def _soon(job: Job) -> str:
    return "downloading" if job.is_downloading else _poll_in(job.future.next_poll)


def _poll_in(seconds: float | None) -> str:
    return "polling now" if seconds is None else f"next poll in {math.ceil(seconds)} s"
