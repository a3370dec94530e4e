"""The live display on a terminal: it draws a frame over the frame before, and leaves the last one.

What stands above stays where it is. What a frame says is in frame.py. Importing this module
needs rich.

rich's own Live and Progress are not used: they count the lines that they drew and not the rows
that a terminal made narrower has made of them, leave the cursor behind the last line, where ^C is
shown, and hide it, which a killed process can't undo; and where a table is too wide, all of its
columns shrink.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from ..clock import Clock
from .board import ERROR, REJECTED, Board, Job
from .following import View
from .frame import Frame, Look
from .output import OutputLostError, give_up

if TYPE_CHECKING:
    from typing import TextIO

_INTERVAL = 0.1  # seconds between two frames
_SHARE = 20  # drawing takes no more than one part in so many of the time


class Live(View):
    """Draws on a terminal with cursor movement.

    Args:
        errors: Whether on standard error, which may be lost, and not on standard output.
    """

    def __init__(self, *, errors: bool = False) -> None:
        self._errors = errors
        self._file: TextIO | None = sys.stderr if errors else sys.stdout
        self._console = Console(file=self._file, highlight=False)
        self._clock = Clock()
        self._drawn: list[int] = []  # the cells of each line of the latest frame
        self._look = Look(self._console, self._clock)

    def changed(self, job: Job) -> None:
        """Waits for the next frame."""

    def tick(self, board: Board) -> float:
        """Draws a frame."""
        began = self._clock.monotonic()
        width, height = self._console.size
        self._draw(Frame(board, self._look, width).lines(height), width, height)
        return max(_INTERVAL, _SHARE * (self._clock.monotonic() - began))

    def close(self, board: Board) -> None:
        """Draws the frame that stays, with all jobs that failed, however many."""
        width, height = self._console.size
        failed = 0 if board.interrupted else len(board.ended[ERROR]) + len(board.ended[REJECTED])
        frame = Frame(board, self._look, width, is_last=True)
        lines = frame.lines(height, failed)
        if not self._errors:  # otherwise the URLs are on standard output
            lines += frame.about_results()
        self._draw(lines, width, height)

    def make_way(self) -> None:
        """Erases the frame, so that what is written takes its place; the next one is below."""
        self._write([], *self._console.size)

    def _draw(self, lines: list[Text], width: int, height: int) -> None:
        for line in lines:
            line.truncate(width - 1, overflow="crop")
        self._write(lines, width, height)

    def _write(self, lines: list[Text], width: int, height: int) -> None:
        if self._file is None:
            return
        try:
            with self._console:  # one write
                self._console.control(self._erasure(width, height))
                if lines:
                    self._console.print(Text("\n").join(lines), no_wrap=True, overflow="crop")
        except OSError as error:
            if not self._errors:
                raise OutputLostError(error.strerror or str(error)) from error
            give_up(self._file)
            self._file = None
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
