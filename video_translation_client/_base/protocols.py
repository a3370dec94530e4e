"""``typing.Protocol``, which Python has had since 3.8; before, nothing looks at what it says."""

import sys

if sys.version_info >= (3, 8):
    from typing import Protocol
else:
    Protocol = object

__all__ = ["Protocol"]
