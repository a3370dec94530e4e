"""Runs the mock server as ``python -m video_translation_client.testing``."""

import sys

from .command import main

if __name__ == "__main__":  # pragma: no branch - processes that are spawned import it, too
    sys.exit(main())
