"""The command line. The library never imports it.

command.py   arguments in, exit status out
texts.py     the longer texts of the help
options.py   the client's arguments as options, and its messages in their words
watch.py     follows the waits
lines.py     lines, results and JSON
display.py   the live display on a terminal
demo.py      the demonstration
presets.py   the table of services
output.py    standard output and standard error
resume.py    the command that waits on for what had not ended
"""

from .command import main

__all__ = ["main"]
