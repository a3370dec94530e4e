"""Where something stands in an answer: JMESPath (https://jmespath.org), as botocore uses it."""

from __future__ import annotations

import functools
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError


@functools.lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def check_expression(name: str, expression: str) -> None:
    """Refuses what is no JMESPath expression."""
    if not isinstance(expression, str):
        raise TypeError(f"{name} must be a JMESPath expression, not {expression!r}")
    try:
        _compiled(expression)
    except JMESPathError as error:
        problem = str(error).splitlines()[0]
        raise ValueError(
            f"{name} must be a JMESPath expression, not {expression!r}: {problem}"
        ) from None


def find(expression: str | None, payload: Any) -> Any:
    """Returns what ``expression`` finds in ``payload``; None: nothing, or there is no expression.

    Raises:
        ValueError: The expression does not fit what is there.
    """
    if expression is None:
        return None
    try:
        return _compiled(expression).search(payload)
    except (JMESPathError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        problem = type(error).__name__  # of an answer that its functions are not made for
        raise ValueError(f"{expression!r} does not fit the answer: {problem}") from None
