"""Programs in processes of their own, which a watchdog ends where they hang.

A deadlock in the tests' own process would hang the run; here it fails one test, and shows where
each thread stands.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from conftest import PATIENCE

_BEGINNING = f"""
import collections
import concurrent.futures
import faulthandler
import gc
import os
import random
import signal
import sys
import threading
import time
import traceback
import weakref

from video_translation_client import VideoTranslationClient
from video_translation_client.testing import Fault, MockServer, VirtualClock

PATIENCE = {PATIENCE}
faulthandler.dump_traceback_later(2 * PATIENCE, exit=True)
main_thread = threading.main_thread().ident


def excepthook(*error):
    traceback.print_exception(*error)
    faulthandler.dump_traceback()
    os._exit(1)


sys.excepthook = excepthook
"""


def run(tmp_path: Path, program: str, *arguments: object, is_silent: bool = True) -> None:
    """Runs a program; fails unless it ends by itself, well, and if it is silent without a word."""
    script = tmp_path / "program.py"
    script.write_text(_BEGINNING + textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    is_well = done.returncode == 0 and not (is_silent and done.stdout)
    assert is_well, f"exit status {done.returncode}\n{done.stdout}"
