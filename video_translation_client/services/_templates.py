"""Texts with named places, such as ``/jobs/{job_id}``: checked once, filled in later."""

from __future__ import annotations

import re
from string import Formatter
from typing import Iterable, Mapping


def names_in(template: str) -> list[str]:
    """Returns the names that a template holds."""
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


def pattern_of(template: str) -> str:
    """Returns the regular expression of what a template may give, one word for each name."""
    return "".join(
        re.escape(text) + ("" if name is None else r"[\w-]+")
        for text, name, _, _ in Formatter().parse(template)
    )


def filled(template: str, values: Mapping[str, bytes]) -> bytes:
    """Returns a template with bytes in its places."""
    return b"".join(
        text.encode() + (b"" if name is None else values[name])
        for text, name, _, _ in Formatter().parse(template)
    )


def check_template(name: str, template: str, known: Iterable[str], required: str = "") -> None:
    """Refuses a template that holds other names than ``known``, or not the ``required`` one."""
    if not isinstance(template, str):
        raise TypeError(f"{name} must be a text, not {template!r}")
    try:
        places = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{name} must be a template: {error} in {template!r}") from None
    names = names_in(template)
    for unknown in [one for one in names if one not in known]:
        raise ValueError(
            f"{name} must hold no other names than {', '.join(known) or 'none'}, not {{{unknown}}}"
        )
    if any(specification or conversion for _, _, specification, conversion in places):
        raise ValueError(f"{name} must hold plain names such as {{job_id}}, not {template!r}")
    if required and required not in names:
        raise ValueError(f"{name} must hold {{{required}}}; it is {template!r}")
