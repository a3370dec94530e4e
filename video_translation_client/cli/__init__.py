"""The command line. The library never imports it.

command.py      words in, exit status out
watch.py        the command `watch`: its options, its help, its run
check.py        the same of `check`
resume.py       the same of `resume`
waits.py        the same of `waits`
plan.py         the same of `plan`
demo.py         the same of `demo`
services.py     the same of `services`
waiting.py      what `watch` and `resume` have in common
parser.py       what the parsers of all commands have in common
options.py      the client's arguments as options
keeping.py      the file that keeps waits, as options
receiving.py    what receives webhooks beside a watch
targets.py      the URL and the job ids among the words of `watch` and `check`
asking.py       the client that they ask with
own_service.py  the service that `watch` asks: by name, of the user's own, or by options
interval.py     the same wait after every poll, as an option
learning.py     what jobs are said to take, and the history of those before, as options
wording.py      what the library says in fields, in the words of the command line
exit_status.py  the exit statuses
board.py        what is known of their jobs
following.py    follows the waits
downloading.py  the files of completed jobs
signals.py      Ctrl-C and SIGTERM
lines.py        lines, results and JSON
display.py      the live display on a terminal
frame.py        what it says at one moment
closing.py      the command that keeps waiting for what had not ended
input.py        text from standard input and files, whatever wrote it
durations.py    how long jobs take, for `plan`
contest.py      the strategies that it compares, and what each costs
optimum.py      the one that nothing beats
chart.py        a chart of characters
plot.py         a picture
output.py       standard output and standard error
"""

from .command import main

__all__ = ["main"]
