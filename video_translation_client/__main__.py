"""Runs the command line as ``python -m video_translation_client``."""

import sys

from .cli import main

if __name__ == "__main__":  # pragma: no branch - processes that are spawned import it, too
    sys.exit(main())
