"""How the user's callbacks are called: what they raise is logged, and which run is known."""

from __future__ import annotations

import logging
import threading
from typing import Any, Callable

from ..errors import name_job
from .log import harmless, is_ctrl_c, log

# What runs on which thread; each thread writes its own entry alone.
_running: dict[threading.Thread, str] = {}


def call(fn: Callable[[Any], Any], argument: object, job_id: str | None) -> None:
    """Calls ``fn(argument)``, and logs what it raises, but for Ctrl-C."""
    thread, text = threading.current_thread(), f"a callback of {name_job(job_id)}"
    outer = _running.get(thread)
    _running[thread] = text
    try:
        fn(argument)
    except BaseException as error:
        if is_ctrl_c(error):
            raise
        log(logging.ERROR, "%s raised: %s", text, _name(fn), error=error)
    finally:
        if outer is None:
            _running.pop(thread, None)  # a fork may have begun in it
        else:  # that one caused an end whose callbacks run inside it
            _running[thread] = outer


def running(thread: threading.Thread) -> str | None:
    """Returns which callback runs on a thread, in words, or None."""
    return _running.get(thread)


def _name(fn: Callable[[Any], Any]) -> str:
    with harmless():
        return repr(fn)
    return object.__repr__(fn)  # what it is, if it can't say so itself
