"""What a watch writes where there is no live display: lines, results, or JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Callable

from .board import COMPLETED, PENDING, Board, Job, where
from .exit_status import ExitStatus
from .following import TICK, View
from .output import complain, timestamp, write_line
from .wording import likely

if TYPE_CHECKING:
    from typing import TextIO

    from .board import JobId

QUIET, USUAL, VERBOSE = -1, 0, 1
"""How much a view tells."""

_NO_RICH = "note: the live display needs rich, so there are lines instead: pip install rich"


def live_or_lines(verbosity: int = USUAL, *, errors: bool = False) -> View:
    """Returns the live display where it can be shown, and otherwise lines.

    Args:
        verbosity: QUIET means lines everywhere, and few.
        errors: Whether to show it on standard error, not on standard output.
    """
    stream: TextIO | None = sys.stderr if errors else sys.stdout
    say = complain if errors else write_line
    is_terminal = stream is not None and stream.isatty()
    if verbosity == QUIET or not is_terminal or os.environ.get("TERM") in ("dumb", "unknown"):
        return Lines(verbosity, say)
    try:
        from .display import Live  # noqa: PLC0415 - rich is slow to import, and optional
    except ImportError:
        return Lines(verbosity, say, _NO_RICH)
    return Live(errors=errors)


class Lines(View):
    """One line for each change of a job's status.

    Args:
        verbosity: USUAL means that the first poll that fails is told, as the statuses alone would
            stay silent; QUIET that neither this is nor what goes well.
        say: Writes a line.
        notice: What is told before all else, or None.
    """

    def __init__(
        self,
        verbosity: int = USUAL,
        say: Callable[[str], None] = write_line,
        notice: str | None = None,
    ) -> None:
        self.is_quiet = verbosity == QUIET
        self._said: dict[JobId, str | None] = {}
        self._tells_failure = verbosity == USUAL
        self._say = say
        self._notice = notice

    def changed(self, job: Job) -> None:
        """Writes a line, unless the status is the one before."""
        job_id = job.future.job_id
        if self._said.get(job_id) == job.status:
            return
        self._said[job_id] = job.status
        if self.is_quiet and job.status in (PENDING, COMPLETED) and not job.reason:
            return
        reason, estimate = job.reason or where(job), job.estimate
        more = f" ({reason})" if reason else "" if estimate is None else f", {likely(estimate)[1]}"
        self._say(line(job_id, f"{job.status}{more}"))

    def tick(self, board: Board) -> float:
        """Tells what is to be told once."""
        if self._notice is not None:
            complain(self._notice)
            self._notice = None
        trouble = board.trouble if self._tells_failure else None
        if trouble is not None:
            self._tells_failure = False
            complain(f"warning: {trouble}; still waiting (-v shows further ones)")
        return TICK

    def close(self, board: Board) -> None:
        """Ends the line on which a terminal shows ^C; nothing else is left to say."""
        is_ctrl_c = board.interrupted is ExitStatus.INTERRUPTED
        if is_ctrl_c and sys.stderr is not None and sys.stderr.isatty():
            complain("")

    def make_way(self) -> None:
        """Does nothing: each line stands below the one before."""


class Results(View):
    """The results of completed jobs on standard output, and how jobs go on standard error.

    Attributes:
        lacks: Whether a job completed without one.
    """

    lacks = False

    def __init__(self, verbosity: int = USUAL) -> None:
        self._others = live_or_lines(verbosity, errors=True)

    def changed(self, job: Job) -> None:
        """Tells of the change, and after a completion writes the result."""
        lines = _lines_of(job.result) if job.status == COMPLETED else None
        if lines == []:
            self.lacks = True
            trouble = f": {job.trouble.reason}" if job.trouble else ""
            job.reason = job.reason or f"without a result{trouble}"
        self._others.changed(job)
        if lines:
            self._others.make_way()  # both streams may be one terminal
        for text in lines or ():
            write_line(text)

    def tick(self, board: Board) -> float:
        """Tells how things stand."""
        return self._others.tick(board)

    def close(self, board: Board) -> None:
        """Tells the last of it."""
        self._others.close(board)

    def make_way(self) -> None:
        """Lets the display make way."""
        self._others.make_way()


class JsonLines(Lines):
    """One JSON object on standard output for each change of a job's status or progress."""

    def changed(self, job: Job) -> None:
        """Writes an object; the quiet one only a job's last."""
        if self.is_quiet and job.status == PENDING:
            return
        future, estimate = job.future, job.estimate
        low, median, high = estimate or (0.0, None, 0.0)
        fields = {
            "job_id": future.job_id,
            "status": job.status,
            "progress": None if job.progress is None else round(job.progress, 4),
            "attempts": future.attempts,
            "elapsed": round(future.elapsed, 3),
            "eta": median and round(median, 1),
            "eta_range": median and [round(low, 1), round(high, 1)],
            "result": job.result,
            "path": job.path,
            "error": job.reason,
            "done": job.status != PENDING,
        }
        write_line(as_json(fields))


def line(job_id: JobId, text: str) -> str:
    """Returns the line that says how a job is, with the local time."""
    name = "" if job_id is None else f"{job_id}: "
    return f"{timestamp()} {name}{text}"


def as_json(value: Any, **settings: Any) -> str:
    """Returns JSON, which has neither NaN nor Infinity: null takes their place (RFC 8259, 6)."""
    try:
        return json.dumps(value, allow_nan=False, default=str, **settings)
    except ValueError:
        text = json.dumps(value, default=str)
        return json.dumps(json.loads(text, parse_constant=lambda _: None), **settings)


def _lines_of(result: Any) -> list[str]:
    """Returns a text as it is, each of a list of texts, and all else as JSON."""
    if result in (None, "", []):
        return []
    texts = result if isinstance(result, list) else [result]
    if all(isinstance(text, str) for text in texts):
        return texts
    return [as_json(result, separators=(",", ":"))]
