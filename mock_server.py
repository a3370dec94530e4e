"""Runs a mock of the video translation service: ``python mock_server.py --help``."""

import sys

try:
    from video_translation_client.testing.command import main
except ImportError as missing:
    package = str(missing.name).partition(".")[0]
    sys.exit(f"error: the mock server needs {package}: pip install -e '.[testing]'")

if __name__ == "__main__":
    sys.exit(main())
