"""What ``help()`` shows of the package: what is public, and the contract of each name."""

import concurrent.futures
import dataclasses
import importlib
import pydoc
import sys
import traceback
import typing

import pytest

import video_translation_client

ROOMS = ("timing", "metrics", "testing")

pytestmark = pytest.mark.one_python


def shown(thing):
    """What ``help()`` writes."""
    return pydoc.plain(pydoc.render_doc(thing))


def test_the_package_says_what_is_public():
    """Its own names, and the rooms that are imported by themselves, each with names of its own."""
    text = " ".join(shown(video_translation_client).split())
    assert "Public are the names of this module" in text
    for room in ROOMS:
        assert f".{room}``" in text
        module = importlib.import_module(f"video_translation_client.{room}")
        assert module.__all__ == sorted(module.__all__)


@pytest.mark.parametrize(
    "name",
    [name for name in video_translation_client.__all__ if name not in ("Event", "__version__")],
)
def test_every_public_name_shows_a_contract_of_its_own(name):
    """Not that of a base class, or of typing."""
    thing = getattr(video_translation_client, name)
    docstring = vars(thing)["__doc__"]
    assert docstring.splitlines()[0] in shown(thing)


def test_a_future_shows_what_is_for_its_holder():
    """Beside what every Future has; what the scheduler does with it begins with an underscore."""
    own = set(dir(video_translation_client.StatusFuture)) - set(dir(concurrent.futures.Future))
    assert {name for name in own if not name.startswith("_")} == {
        *("add_update_callback", "poll_now"),
        *("elapsed", "end", "eta", "eta_range", "next_poll", "reason", "status"),
    }


@pytest.mark.parametrize(
    "error",
    [
        error
        for error in vars(video_translation_client).values()
        if isinstance(error, type) and issubclass(error, Exception)
    ],
)
def test_a_traceback_names_an_error_as_it_is_imported(error):
    """From the package; where it stands in there is nobody's business."""
    (line,) = traceback.format_exception_only(error, error("no such job", "job-1"))
    assert line.startswith(f"video_translation_client.{error.__name__}: job 'job-1': no such job")


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the hints are written as for Python 3.10")
@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(video_translation_client).values()
        if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")
    ],
)
def test_what_reads_types_while_a_program_runs_can_read_ours(kind):
    """Such as a library that makes objects of JSON, or checks them."""
    assert typing.get_type_hints(kind)
