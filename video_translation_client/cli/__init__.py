"""The command line. The library never imports it.

command.py   arguments in, exit status out
watch.py     follows the waits; lines and JSON
display.py   the live display on a terminal
demo.py      the demonstration
resume.py    the command that waits on for what had not ended
"""

from .command import main

__all__ = ["main"]
