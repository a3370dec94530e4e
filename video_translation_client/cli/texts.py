"""The longer texts of the help."""

NAME = "video-translation-client"

_EXIT_STATUS = """\
exit status:
  0    all jobs completed
  1    some ended in error
  2    the command line is wrong
  3    some could not be asked for, because the service rejects them, or
       with --result, some completed without one
  4    some had not ended at the limit and may still run: don't start them
       again, but wait on with the command that is printed
  130  Ctrl-C; the same command is printed
  141  standard output took nothing more, as after `| head -1`
Where several apply, 4 goes before 3, and 3 before 1: after 4, wait on with
the printed command; any other status is final."""

WATCH_USAGE = """\
%(prog)s [OPTION ...] URL [JOB_ID ...]
       %(prog)s [OPTION ...] --service NAME JOB_ID ..."""

WATCH_EPILOG = f"""\
keys:
  The key of a service is read from its environment variable, such as
  HEYGEN_API_KEY, and so is what else it wants, such as the region of azure.
  There is no option for it: others can see command lines. Tell the variables:
    {NAME} services
  A user name and password for the service at URL stand in ~/.netrc, or in the
  file that the variable NETRC names.

output:
  On a terminal a live display, which needs rich:
    pip install '{NAME}[cli]'
  It does not show results; --result and --json do.
  Elsewhere, or without rich, a line for each change of a job's status:
    job-1: pending
    job-2: error ('codec unknown')
  The statuses are pending, completed, error, rejected (the service refuses to
  tell) and timeout (not ended at the limit). All else is on standard error.

  With --json an object a line, for each change of a job's status or progress:
    job_id    the job, null if it has no name
    status    one of the words above
    progress  from 0 to 1, null where the service does not tell
    attempts  how many polls were started
    elapsed   seconds since the wait began
    result    what the service gives of the finished job, or null
    error     why it ended without being completed, or null
    done      whether this is the job's last line

  With --result the URL of each completed job's result, as soon as there is
  one, and nothing else on standard output; lines as above are on standard
  error. Several results of a job are a line each; one that is not text is
  JSON. The URLs of azure, camb and elevenlabs want the service's key as well.

{_EXIT_STATUS}

examples:
  {NAME} watch http://127.0.0.1:5000
  {NAME} watch http://127.0.0.1:5000 job-1 job-2 --max-wait-time 600
  {NAME} watch http://127.0.0.1:5000 --json - < job-ids.txt
  {NAME} watch --service heygen job-1 job-2
  {NAME} watch --service heygen --result job-1 | wget -i -"""

SERVICES_EPILOG = f"""\
It is for people on a terminal; elsewhere it is a line a service, for grep. What
stands between bars are the service's words for a job that is pending, completed
or failed; * is any other word. The batch is how many jobs one request asks for.

examples:
  {NAME} services
  {NAME} services | grep azure
  {NAME} services --json"""

DEMO_EPILOG = f"""\
It ends within 15 seconds. The exit status is that of watch, but 0 where jobs end
in error as they are meant to.

examples:
  {NAME} demo
  {NAME} demo --jobs 20"""
