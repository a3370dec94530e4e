"""Texts with named places, such as ``/jobs/{job_id}``: checked once, filled in later."""

from __future__ import annotations

from string import Formatter
from typing import Mapping, Sequence


def check_template(name: str, template: str, known: Sequence[str], required: str = "") -> None:
    """Refuses a template that holds other names than ``known``, or not the ``required`` one."""
    if not isinstance(template, str):
        raise TypeError(f"{name} must be a text, not {template!r}")
    try:
        fields = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{name} must be a template: {error} in {template!r}") from None
    names = [field for _, field, _, _ in fields if field is not None]
    plain = not any(specification or conversion for _, _, specification, conversion in fields)
    for unknown in [field for field in names if field not in known]:
        raise ValueError(
            f"{name} must hold no other names than {', '.join(known) or 'none'}, not {{{unknown}}}"
        )
    if not plain:
        raise ValueError(f"{name} must hold plain names such as {{job_id}}, not {template!r}")
    if required and required not in names:
        raise ValueError(f"{name} must hold {{{required}}}; it is {template!r}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Returns a checked template with its names replaced."""
    return template.format_map(values)
