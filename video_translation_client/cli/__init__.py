"""The command line. The library never imports it.

command.py      words in, exit status out
watch.py        the command `watch`: its options, its help, its run
demo.py         the same of `demo`
services.py     the same of `services`
parser.py       what the parsers of all commands have in common
options.py      the client's arguments as options
wording.py      what the library says in fields, in the words of the command line
exit_status.py  the exit statuses
following.py    follows the waits
lines.py        lines, results and JSON
display.py      the live display on a terminal
resume.py       the command that keeps waiting for what had not ended
output.py       standard output and standard error
"""

from .command import main

__all__ = ["main"]
