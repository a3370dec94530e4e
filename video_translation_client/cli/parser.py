"""What the parsers of all commands have in common, and what the program is called.

It shows no credentials, whatever is wrong with the words.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .._base import arguments
from .output import complain, printable, write_line
from .wording import refused

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

NAME = "video-translation-client"

KEYS = f"""\
keys:
  The key of a service is read from its environment variable, such as
  HEYGEN_API_KEY, and so is whatever else it needs, such as the region of azure.
  There is no option for it: others can see command lines. List the variables:
    {NAME} services
  A user name and password for the service at URL stand in ~/.netrc, or in the
  file that the variable NETRC names."""


class Parser(argparse.ArgumentParser):
    """Shows no credentials in its messages."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings
        )

    def error(self, message: str) -> NoReturn:
        """Ends the process with the exit status for a command line that is wrong."""
        message = re.sub(r"(?<!\S)(--?\w[\w-]*=)\S+", r"\1***", message)
        super().error(printable(re.sub(r"\S+@", "***@", message)))

    def checked_url(self, url: str) -> str:
        """Returns the URL of a service without its trailing slash, or ends the process."""
        try:
            return arguments.base_url(url)
        except ValueError as error:
            if "@" not in url:
                self.error(refused(error))
            # The reason may quote a part of a password that is spelled wrongly.
            self.error(
                "URL must be one such as 'http://127.0.0.1:5000'; in a user name or password,"
                " / ? # @ and the like must be percent-encoded"
            )

    def _print_message(self, message: str, file: Any = None) -> None:
        """Writes as everything else here does, whatever has become of the stream."""
        for line in message.splitlines():
            if file is sys.stderr:
                complain(line)
            else:
                write_line(line)


def program() -> list[str]:
    """Returns the words that call this program from here."""
    called = Path(sys.argv[0])
    if called == Path(__file__).parents[1] / "__main__.py":
        python = shutil.which("python")
        same = python is not None and Path(python).samefile(sys.executable)
        return ["python" if same else sys.executable, "-m", "video_translation_client"]
    installed_apart = called.name == NAME and shutil.which(NAME) is None
    return [sys.argv[0] if installed_apart else NAME]
