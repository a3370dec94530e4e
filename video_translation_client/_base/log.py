"""The library's logger, and a way to log that can't fail.

Levels follow from what a person must do: DEBUG and INFO nothing, WARNING look into it, ERROR
mend their own code.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from typing import Iterator

logger = logging.getLogger("video_translation_client")


def log(level: int, message: str, *arguments: object, error: BaseException | None = None) -> None:
    """Logs in the name of the calling line, and lets nothing end because that fails.

    Args:
        level: As for ``Logger.log``.
        message: Likewise.
        *arguments: Likewise.
        error: What is shown with its traceback.
    """
    if not logger.isEnabledFor(level):
        return
    with harmless():
        caller = sys._getframe(1)  # what ``stacklevel`` does, which Python 3.7 has not
        code = caller.f_code
        where = (logger.name, level, code.co_filename, caller.f_lineno)
        trace = None if error is None else (type(error), error, error.__traceback__)
        logger.handle(logger.makeRecord(*where, message, arguments, trace, code.co_name))


@contextlib.contextmanager
def harmless() -> Iterator[None]:
    """Lets what the user's code raises end nothing, but for a Ctrl-C that nobody else hears of."""
    try:
        yield
    except BaseException as error:
        if is_ctrl_c(error):
            raise


def is_ctrl_c(error: BaseException) -> bool:
    """Says whether an error is the user's Ctrl-C, which only the main thread gets."""
    main = threading.current_thread() is threading.main_thread()
    return main and isinstance(error, KeyboardInterrupt)
