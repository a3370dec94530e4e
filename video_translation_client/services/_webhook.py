"""How one provider tells of a job's end by itself, as data: where the id stands, what is signed.

Plain values, checked when they are made. Who receives such calls is not known here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .._base import arguments
from ._checks import check_choice, check_header
from ._expressions import check_expression
from ._templates import check_template, names_in

_PLACES = ("body", "timestamp")


@dataclass(frozen=True)
class Webhook:
    """How a service calls a URL of the user's once a job has ended.

    The signature is an HMAC (RFC 2104) with a secret that the service and the user share.

    Attributes:
        job_id: Expression (JMESPath, https://jmespath.org) of the job's id in the JSON of the call.
        signature: The header of the signature; None where calls are not signed.
        signed: Template of what is signed: ``{body}`` for the raw bytes of the call and
            ``{timestamp}`` for the text of that header.
        algorithm: The hash of the HMAC: a name that hashlib knows on every system, such as
            ``"sha256"``.
        encoding: How the signature is written: ``"hex"`` or ``"base64"``.
        timestamp: The header that says when the call was sent, since 1970; None where none does.
            It is checked where it is sent, and has to be sent where it is signed.
        unit: What it counts: ``"seconds"`` or ``"milliseconds"``.
        tolerance: How many seconds it may be off, early or late, above 0.

    Raises:
        TypeError, ValueError: A value is not as described; the message names it.
    """

    job_id: str
    signature: str | None = None
    signed: str = "{body}"
    algorithm: str = "sha256"
    encoding: str = "hex"
    timestamp: str | None = None
    unit: str = "seconds"
    tolerance: float = 300.0

    def __post_init__(self) -> None:
        check_expression("job_id", self.job_id)
        for name in ("signature", "timestamp"):
            if getattr(self, name) is not None:
                check_header(name, getattr(self, name))
        check_template("signed", self.signed, _PLACES, required="body")
        if self.timestamp is None and "timestamp" in names_in(self.signed):
            raise ValueError("timestamp must name a header where signed holds {timestamp}")
        # The lengths of these two are of the caller's choice, which an HMAC has no use for.
        hashes = sorted(one for one in hashlib.algorithms_guaranteed if "shake" not in one)
        check_choice("algorithm", self.algorithm, hashes)
        check_choice("encoding", self.encoding, ("hex", "base64"))
        check_choice("unit", self.unit, ("seconds", "milliseconds"))
        arguments.number("tolerance", self.tolerance, above=0)
