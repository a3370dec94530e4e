"""The exit statuses: what the process tells its caller, and the text about it."""

from __future__ import annotations

import enum
import textwrap
from typing import Mapping


class ExitStatus(enum.IntEnum):
    """How a command ended.

    Attributes:
        meaning: What the status says, for people.
    """

    meaning: str

    COMPLETED = 0, "all completed"
    FAILED = 1, "some ended in error"
    USAGE = 2, "the command line is wrong"
    REJECTED = (
        3,
        (
            "some could not be asked for, because the service rejects them, or with --result,"
            " some completed without one, or with --output-dir, some could not be downloaded"
        ),
    )
    RUNNING = (
        4,
        (
            "some had not ended at the limit and may still run: don't start them again, but keep"
            " waiting with the command that is printed"
        ),
    )
    INTERRUPTED = 130, "Ctrl-C; the same command is printed"  # as a shell tells of SIGINT
    OUTPUT_LOST = 141, "standard output takes nothing more, as after `| head -1`"  # of SIGPIPE
    TERMINATED = 143, "SIGTERM; the command that keeps waiting is printed, as after Ctrl-C"

    def __new__(cls, value: int, meaning: str) -> ExitStatus:
        """Makes the member of a value and its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


_FIRST = "Where several apply, 4 goes before 3, and 3 before 1"

PRECEDENCE = (
    f"{_FIRST}: after 4, keep waiting with the printed"
    " command. Any other status is final, but where a command is printed because a download has"
    " failed."
)


def describe() -> str:
    """Returns the part of a help text that explains the exit statuses."""
    return _described({status: status.meaning for status in ExitStatus}, PRECEDENCE)


def describe_look() -> str:
    """Returns the same of a command that asks once, and neither waits nor downloads."""
    meanings = {
        status: status.meaning
        for status in (ExitStatus.COMPLETED, ExitStatus.FAILED, ExitStatus.USAGE)
    }
    meanings[ExitStatus.REJECTED] = "some could not be asked for, as the service rejects them"
    meanings[ExitStatus.RUNNING] = "some are pending, or unknown: look again later"
    meanings[ExitStatus.INTERRUPTED] = "Ctrl-C"
    meanings[ExitStatus.OUTPUT_LOST] = ExitStatus.OUTPUT_LOST.meaning
    return _described(meanings, f"{_FIRST}. Any but 4 is final.")


def _described(meanings: Mapping[ExitStatus, str], precedence: str) -> str:
    lines = ["exit status:"]
    for status, meaning in meanings.items():
        lines += textwrap.wrap(
            meaning,
            78,
            initial_indent=f"  {status.value:<5}",
            subsequent_indent=" " * 7,
            break_on_hyphens=False,
        )
    return "\n".join([*lines, *textwrap.wrap(precedence, 78)])
