"""Where something stands in an answer: JMESPath (https://jmespath.org), as botocore uses it."""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

MISFITS = (JMESPathError, ArithmeticError, TypeError, ValueError, RecursionError)
"""What a search raises in an answer for which the expression's functions are not made."""


def compiled(expression: str | None) -> Any:
    """Returns what has a ``search(payload)``, which returns None where it finds nothing.

    None stands for no expression, and stays None.
    """
    return None if expression is None else jmespath.compile(expression)


def check_expression(name: str, expression: str) -> None:
    """Refuses what is no JMESPath expression."""
    if not isinstance(expression, str):
        raise TypeError(f"{name} must be a JMESPath expression, not {expression!r}")
    try:
        compiled(expression)
    except JMESPathError as error:
        problem = str(error).splitlines()[0]
        raise ValueError(
            f"{name} must be a JMESPath expression, not {expression!r}: {problem}"
        ) from None
