"""What the library's log warns of and no view tells: trouble with a store, or with webhooks."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from .output import complain

# The modules whose warnings these are; of jobs, the views tell.
_MODULES = ("_desk", "webhooks")


class Warnings(logging.Handler):
    """Writes warnings to standard error: at once, or at the end where that is a terminal.

    There, they would break into what is drawn.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._late: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a record of the library."""
        if Path(record.pathname).stem not in _MODULES:
            return
        self._late.append(f"Warning: {record.getMessage()}")
        if not (sys.stderr and sys.stderr.isatty()):
            self.write()

    def write(self) -> None:
        """Writes what was not written yet."""
        late, self._late = self._late, []
        if late:
            complain(*late)
