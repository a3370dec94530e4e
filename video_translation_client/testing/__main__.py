"""Runs the mock server as ``python -m video_translation_client.testing``."""

import sys

try:
    from .command import main
except ImportError as missing:
    package = str(missing.name).partition(".")[0]
    sys.exit(f"error: the mock server needs {package}: pip install {package}")

if __name__ == "__main__":  # pragma: no branch - processes that are spawned import it, too
    sys.exit(main())
