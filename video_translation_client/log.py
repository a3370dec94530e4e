"""The library's logger, and a way to log that can't fail."""

from __future__ import annotations

import contextlib
import logging

logger = logging.getLogger("video_translation_client")


def log(level: int, message: str, *arguments: object) -> None:
    """Logs, and lets nothing end because a handler or filter of the user's raises."""
    with contextlib.suppress(Exception):
        logger.log(level, message, *arguments)
