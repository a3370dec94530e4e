"""The pytest plugin: fixtures for tests of code that waits for video translations.

It imports nothing of the library until a fixture is used, so it costs nothing otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

import pytest

if TYPE_CHECKING:
    from video_translation_client import VideoTranslationClient
    from video_translation_client.testing import MockServer, VirtualClock


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock for the client (``clock=``) that jumps to the next due moment."""
    from video_translation_client.testing import VirtualClock

    return VirtualClock()


@pytest.fixture
def video_translation_server(virtual_clock: VirtualClock) -> Iterator[MockServer]:
    """A mock server on a free port, on the ``virtual_clock``."""
    from video_translation_client.testing import MockServer

    with MockServer(clock=virtual_clock) as server:
        yield server


@pytest.fixture
def video_translation_client(
    video_translation_server: MockServer, virtual_clock: VirtualClock
) -> Iterator[VideoTranslationClient]:
    """A client of the ``video_translation_server``, on the ``virtual_clock``.

    It waits for up to a day, as often as it takes, and without jitter; what it still waits for when
    the test has ended is cancelled.
    """
    from video_translation_client import VideoTranslationClient

    client = VideoTranslationClient(
        video_translation_server.url, None, 24 * 60 * 60, jitter=0, clock=virtual_clock
    )
    yield client
    client.shutdown(cancel_futures=True)
