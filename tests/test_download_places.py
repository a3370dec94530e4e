"""What files of downloads are called, whatever jobs and servers say."""

import pytest

from video_translation_client._downloads.places import Place, safe, stem_of

pytestmark = pytest.mark.one_python


@pytest.mark.parametrize("text", ["job-1", "21m00Tcm4TlvDq8ikWAM", "_a-b_c", "x" * 100])
def test_a_harmless_name_stays(text):
    """It is what people look for."""
    assert safe(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("../../x", "/etc/passwd", "a/b", "a\\b", "..", ".", ".hidden", "-rf", "a b", "a\nb", ""),
        *(
            "CON",
            "nul.txt",
            "com1",
            "x" * 101,
            "\u00e4",
            "a:b",
            "a.",
            "~",
            "$HOME",
            "a*",
            "a.b_c",
            "a.mp4",
            "\ud800",
        ),
    ],
)
def test_any_other_name_is_made_harmless(text):
    """With a digest, so that no two jobs get the same."""
    name = safe(text)
    assert name != text
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert len(name) < 120


def test_different_jobs_have_different_names():
    """Also those of which the same is left, and where one is spelled as the file of another."""
    assert len({safe(text) for text in ("a/b", "a_b", "a\\b", "a b", "a:b")}) == 5
    stems = [stem_of("a", "video", label, is_main=True) for label in ("", "1", "captions")]
    stems.append(stem_of("a", "audio", "", is_main=False))
    for other in ("a.1", "a.captions", "a.audio", "a.mp4"):
        assert stem_of(other, "video", "", is_main=True).partition(".")[0] != "a"
    assert len(set(stems)) == 4


@pytest.mark.parametrize(
    ("job_id", "kind", "label", "stem"),
    [
        ("job", "video", "", "job"),
        ("job", "video", "es", "job.es"),
        ("job", "audio", "", "job.audio"),
        ("job", "audio", "es", "job.es.audio"),
        (None, "video", "", "video"),
        (None, "video", "es", "es"),
        (None, "audio", "", "audio"),
    ],
)
def test_the_kind_of_file_is_a_part_of_its_name(job_id, kind, label, stem):
    """But for the video, which is what most want."""
    assert stem_of(job_id, kind, label, is_main=kind == "video") == stem


@pytest.mark.parametrize(
    ("url", "content_type", "ending"),
    [
        ("http://h/a.mp4", "video/mp4", ".mp4"),
        ("http://h/a.MOV?x=.exe", "application/octet-stream", ".mov"),
        ("http://h/a.srt", "text/plain", ".srt"),
        ("http://h/es", "audio/mpeg; codecs=x", ".mp3"),
        ("http://h/a.exe", "VIDEO/MP4", ".mp4"),
        ("http://h/a.py", "application/x-python", ""),
        ("http://h/", "", ""),
        ("http://h/a.mp4/../../b", "", ""),
    ],
)
def test_only_known_endings_are_taken_from_a_server(tmp_path, url, content_type, ending):
    """From the URL, or else from the type of its content."""
    path = Place(tmp_path, "job").named(url, content_type)
    assert path == tmp_path / f"job{ending}"
