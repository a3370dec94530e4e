"""Runs a mock of the video translation service: ``python mock_server.py --help``."""

import sys

from video_translation_client.testing.command import main

if __name__ == "__main__":
    sys.exit(main())
