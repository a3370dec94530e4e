"""Where something stands in an answer: JMESPath (https://jmespath.org), as botocore uses it."""

from __future__ import annotations

import re
from typing import Any

MISFITS = (ArithmeticError, TypeError, ValueError, RecursionError)
"""What a search raises in an answer for which the expression's functions are not made.

All errors of jmespath itself are a ValueError."""


# Names that need no quotes, one within the other: what nearly every expression is.
_NAMES = r"(?a)[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"


class Fields:
    """What ``jmespath.compile`` makes of such as ``data.status``, for a tenth of its time.

    Args:
        expression: Names, with dots between them.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._names = expression.split(".")

    def search(self, payload: Any) -> Any:
        """Returns what stands there in decoded JSON; None: nothing."""
        for name in self._names:
            if not isinstance(payload, dict):
                return None
            payload = payload.get(name)
        return payload


def compiled(expression: str | None) -> Any:
    """Returns what has a ``search(payload)``, which returns None where it finds nothing.

    None stands for no expression, and stays None.
    """
    if expression is None:
        return None
    if re.fullmatch(_NAMES, expression):
        return Fields(expression)
    import jmespath  # noqa: PLC0415 - with the first client; to import the library takes no parser

    return jmespath.compile(expression)


def check_expression(name: str, expression: str) -> None:
    """Refuses what is no JMESPath expression."""
    if not isinstance(expression, str):
        raise TypeError(f"{name} must be a JMESPath expression, not {expression!r}")
    try:
        compiled(expression)
    except ValueError as error:
        problem = str(error).splitlines()[0]
        raise ValueError(
            f"{name} must be a JMESPath expression, not {expression!r}: {problem}"
        ) from None
