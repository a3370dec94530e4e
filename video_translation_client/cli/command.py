"""The command line as a whole: which command is meant, and the end of the process.

What a command does stands in the room of its name.
"""

from __future__ import annotations

import logging
import signal
import sys
from typing import Sequence

from .. import __version__
from . import check, demo, plan, resume, services, waits, watch
from .exit_status import ExitStatus
from .log import Warnings
from .output import OutputLostError, complain, give_up
from .parser import NAME, Parser, program

_COMMANDS = {
    "watch": watch,
    "check": check,
    "resume": resume,
    "waits": waits,
    "plan": plan,
    "demo": demo,
    "services": services,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line. Only for the main thread.

    Args:
        argv: The words after the program's name. None means those of this process, which is
            to be left then.

    Returns:
        The exit status.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    warnings = Warnings()
    if argv is None:  # or else the log would break into the views, which tell of jobs themselves
        logging.getLogger("video_translation_client").addHandler(warnings)
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        status = ExitStatus.INTERRUPTED
    except OutputLostError as lost:
        status = ExitStatus.OUTPUT_LOST
        if not isinstance(lost.__cause__, BrokenPipeError):
            complain(f"error: standard output: {lost}")
        give_up(sys.stdout)
    warnings.write()
    if argv is None:  # the process ends at once; nothing is left to interrupt
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return status


def _run(words: list[str]) -> ExitStatus:
    parser = Parser(prog=" ".join(program()), description="Waits for video translation jobs.")
    parser.add_argument("-V", "--version", action="version", version=f"{NAME} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    parsers = {name: room.add_to(commands) for name, room in _COMMANDS.items()}
    if words and words[0] in _COMMANDS:
        status: ExitStatus = _COMMANDS[words[0]].run(parsers[words[0]], words[1:])
        return status
    parser.parse_args(words)
    *names, last = _COMMANDS
    return parser.error(f"a COMMAND is required: {', '.join(names)} or {last}")
