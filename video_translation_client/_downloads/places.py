"""Where a download goes: a file that is whole or not there, under a name that is harmless.

What is received stands in a temporary file beside the target until it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import IO, Any, Iterator
from urllib.parse import urlsplit

from .._base.arguments import BadTypeError, BadValueError

_LONGEST_NAME = 100

# What a file in a directory may end in; whatever else a server says, it is none of these.
_OF_TYPES = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/flac": ".flac",
    "text/vtt": ".vtt",
    "application/x-subrip": ".srt",
    "application/json": ".json",
    "application/zip": ".zip",
    "text/plain": ".txt",
}
_KNOWN = frozenset(_OF_TYPES.values())

# Names that Windows keeps for devices.
_DEVICE = r"(?i)con|prn|aux|nul|com\d|lpt\d"


class Place:
    """The target of one download.

    Args:
        path: A file, or a directory: one that is there, or whose path ends in a separator.
        stem: The name of the file in a directory, but for its extension.

    Raises:
        TypeError, ValueError: ``path`` is neither.
    """

    def __init__(self, path: Any, stem: str) -> None:
        try:
            text = os.fspath(path)
        except TypeError:
            text = None
        if not isinstance(text, str):
            problem = f"must be a str or a Path, not {path!r}"
            raise BadTypeError("path_or_directory", problem)
        if not text or "\0" in text:
            problem = f"must be the path of a file or a directory, not {text!r}"
            raise BadValueError("path_or_directory", problem)
        self._path, self._stem = Path(text), stem
        separators = tuple(one for one in (os.sep, os.altsep) if one)
        self._is_directory = text.endswith(separators) or self._path.is_dir()
        if not self._is_directory and self._path.exists() and not self._path.is_file():
            problem = f"must be a file or a directory, and {text!r} is neither"
            raise BadValueError("path_or_directory", problem)

    @contextlib.contextmanager
    def part(self) -> Iterator[Part]:
        """Gives a temporary file, which is gone in the end.

        Raises:
            OSError: There is no such directory, or no file can be made there.
        """
        directory = self._path if self._is_directory else self._path.parent
        if self._is_directory:
            directory.mkdir(parents=True, exist_ok=True)
        # Made so, and not by tempfile, the file has the permissions that others have.
        temporary = directory / f".video-translation-{secrets.token_hex(8)}.part"
        with temporary.open("xb") as file:
            try:
                yield Part(self, temporary, file)
            finally:
                file.close()
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()

    def named(self, url: str, content_type: str) -> Path:
        """Returns the path of the target, once it is known what the file is."""
        if not self._is_directory:
            return self._path
        return self._path / f"{self._stem}{_extension(url, content_type)}"


class Part:
    """What was received so far.

    Attributes (to be read only):
        size: Bytes of it.
    """

    def __init__(self, place: Place, path: Path, file: IO[bytes]) -> None:
        self.size = 0
        self._place, self._path, self._file = place, path, file

    def write(self, piece: bytes) -> None:
        """Appends bytes."""
        self._file.write(piece)
        self.size += len(piece)

    def clear(self) -> None:
        """Begins again."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def settle(self, url: str, content_type: str) -> Path:
        """Makes it the target, all of it at once, in place of what may be there; returns that."""
        self._file.flush()
        # A disk that has no more room may say so only now; and after a power failure, the name
        # must not stand for less than all.
        os.fsync(self._file.fileno())
        self._file.close()
        target = self._place.named(url, content_type)
        os.replace(self._path, target)  # noqa: PTH105 - as the standard library calls it
        return target


def stem_of(job_id: str | None, kind: str, label: str, *, is_main: bool) -> str:
    """Returns the name of a job's file without its extension; no two jobs have the same."""
    parts = [] if job_id is None else [safe(job_id)]
    parts += [safe(label)] if label else []
    parts += [] if parts and is_main else [safe(kind)]
    return ".".join(parts)


def safe(text: str) -> str:
    """Returns a text as a part of a file's name: as it is, or else with a digest of what it was."""
    # A dot is what separates such parts, and the extension.
    plain = re.sub(r"(?a)[^\w-]", "_", text).lstrip("-")[:_LONGEST_NAME]
    if plain and plain == text and not re.fullmatch(_DEVICE, plain):
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}"


def _extension(url: str, content_type: str) -> str:
    suffix = os.path.splitext(urlsplit(url).path)[1].lower()  # noqa: PTH122 - of a URL's path
    if suffix in _KNOWN:
        return suffix
    return _OF_TYPES.get(content_type.partition(";")[0].strip().lower(), "")
