"""The client that a command asks with; what is wrong with its settings is told as of options."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ..client import VideoTranslationClient
from .output import complain
from .wording import refused

if TYPE_CHECKING:
    from .parser import Parser


def client_of(parser: Parser, url: str | None, **settings: Any) -> VideoTranslationClient:
    """Returns a client, after warnings about what contradicts each other, or ends the process."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            client = VideoTranslationClient(url, **settings)
        except (TypeError, ValueError) as error:
            parser.error(refused(error))
        except OSError as error:
            parser.error(f"argument --store: {error}")
    for warning in caught:
        complain(f"warning: {refused(warning.message)}")
    return client
