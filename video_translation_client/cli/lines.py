"""What a watch writes where there is no live display: lines, results, or JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from .following import COMPLETED, PENDING, TICK, Board, Job, View, where
from .output import complain, write_line
from .wording import likely

if TYPE_CHECKING:
    from .following import JobId


def live_or_lines() -> View:
    """Returns the live display where it can be shown, and otherwise lines."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    if terminal and os.environ.get("TERM") not in ("dumb", "unknown"):
        try:
            from .display import Live  # noqa: PLC0415 - rich is slow to import, and optional
        except ImportError:
            return Lines()
        return Live()
    return Lines()


class Lines(View):
    """One line on standard output for each change of a job's status."""

    def __init__(self) -> None:
        self._said: dict[JobId, str | None] = {}
        self._complained = False

    def changed(self, job: Job) -> None:
        """Writes a line, unless the status is the one before."""
        job_id = job.future.job_id
        if self._said.get(job_id) != job.status:
            self._said[job_id] = job.status
            name = "" if job_id is None else f"{job_id}: "
            reason, estimate = self._reason(job) or where(job), job.estimate
            more = (
                f" ({reason})" if reason else "" if estimate is None else f", {likely(estimate)[1]}"
            )
            self._say(f"{name}{job.status}{more}")

    def tick(self, board: Board) -> float:
        """Tells of the first poll that failed, as the statuses alone would stay silent."""
        trouble = None if self._complained else board.trouble
        if trouble is not None:
            self._complained = True
            complain(f"warning: {trouble}; still waiting (further failures are not shown)")
        return TICK

    def close(self, board: Board) -> None:
        """Ends the line on which a terminal shows ^C; nothing else is left to say."""
        if board.interrupted and sys.stderr is not None and sys.stderr.isatty():
            complain("")

    def _say(self, line: str) -> None:
        write_line(line)

    def _reason(self, job: Job) -> str | None:
        return job.reason


class Results(Lines):
    """The results of completed jobs on standard output, and how jobs go on standard error.

    Attributes:
        lacks: Whether a job completed without one.
    """

    lacks = False

    def changed(self, job: Job) -> None:
        """Writes a line, and after that of a completion the result."""
        super().changed(job)
        if job.status == COMPLETED:
            lines = _lines_of(job.result)
            self.lacks |= not lines
            for line in lines:
                write_line(line)

    def _say(self, line: str) -> None:
        complain(line)

    def _reason(self, job: Job) -> str | None:
        if job.status != COMPLETED or _lines_of(job.result):
            return super()._reason(job)
        return f"without a result: {job.trouble.reason}" if job.trouble else "without a result"


class JsonLines(Lines):
    """One JSON object on standard output for each change of a job's status or progress."""

    def changed(self, job: Job) -> None:
        """Writes an object."""
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
        write_line(_json(fields))


def _json(value: Any, **settings: Any) -> str:
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
    return [_json(result, separators=(",", ":"))]
