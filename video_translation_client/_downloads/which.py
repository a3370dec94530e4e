"""Which files the answer for a finished job offers, and from where; nothing is fetched here."""

from __future__ import annotations

from typing import Any, Mapping

from ..services._definition import Service
from ..services._expressions import MISFITS, compiled
from ..services._templates import names_in
from ..status import StatusReport

VIDEO = "video"
"""The kind of file that every service has: what it calls the result."""

# Files of one kind, as many as a job may have languages.
_MOST_FILES = 1000


def kinds(service: Service) -> list[str]:
    """Returns what kinds of files a service may give of a job."""
    return list(dict.fromkeys((VIDEO, *dict(service.downloads))))


def files_of(service: Service, kind: str, report: StatusReport, page: Any) -> dict[str, str]:
    """Returns the URLs of the files of one kind by their labels, such as languages.

    A single one has an empty label; those of a list without names are numbered from 1.

    Args:
        service: The service.
        kind: One of its ``kinds``.
        report: Its answer for the job.
        page: The JSON in which the service's ``downloads`` stand.
    """
    expression = dict(service.downloads).get(kind)
    if expression is None:
        return _by_label(report.result, _labels(service, report))
    try:
        return _by_label(compiled(expression).search(page), None)
    except MISFITS:
        return {}


def one_of(files: Mapping[str, str], label: str) -> str | None:
    """Returns the URL of the file with a label or a number from 1; None where that says not one.

    An empty label is right for the only one.
    """
    if label in files:
        return files[label]
    urls = list(files.values())
    if not label:
        return urls[0] if len(urls) == 1 else None
    numbered = {str(number): url for number, url in enumerate(urls, 1)}
    return numbered.get(label)


def spelled(kind: str, files: Mapping[str, str]) -> list[str]:
    """Returns how a caller names the files of one kind."""
    return [f"{kind}:{label}" if len(files) > 1 else kind for label in files]


def _labels(service: Service, report: StatusReport) -> list[str] | None:
    """Returns what the URLs of a result were made of, such as languages; None: of nothing."""
    if service.result is None or "result" not in names_in(service.result_url or ""):
        return None
    try:
        found = compiled(service.result).search(report.payload)
    except MISFITS:  # of which the report has no result either
        return None
    return [str(one) for one in found] if isinstance(found, list) else None


def _by_label(found: Any, labels: list[str] | None) -> dict[str, str]:
    if isinstance(found, str) and found:
        return {"": found}
    if isinstance(found, list):
        if labels is None or len(set(labels)) != len(found):
            labels = [str(number) for number in range(1, len(found) + 1)]
        found = dict(zip(labels, found))
    if not isinstance(found, dict):
        return {}
    urls = [(str(label), url) for label, url in found.items() if isinstance(url, str) and url]
    return dict(urls[:_MOST_FILES])
