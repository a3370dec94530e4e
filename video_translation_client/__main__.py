"""Runs the command line as ``python -m video_translation_client``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
