"""The effort for one message of a platform: its tries, the doubt that they leave, and the pause after a dead token."""

import math
from dataclasses import replace

from esb.channels.verdict import JudgedAnswer
from esb.core.errors import UpstreamError

TRIES = 3
"""At most so many requests for one message, a resend with a fresh token aside."""
YOUNG_TOKEN_PAUSE = 0.5
"""Seconds before a token that may be too young to be known is tried again."""


class Effort:
    """The tries for one message so far.

    `doubt`: a request that may have arrived, though no answer came; or its answer, which does not say. `pause`: the
    seconds until a dead token is replaced again.
    """

    tries = 0
    renewed = False
    waited = False
    pause = 0.0
    doubt: UpstreamError | JudgedAnswer | None = None


def with_pause(reply: JudgedAnswer, seconds: float) -> JudgedAnswer:
    """Return the answer, with the seconds until the same request may work, if there are any."""
    if not seconds:
        return reply
    return JudgedAnswer(replace(reply.verdict, retry_after=math.ceil(10 * seconds) / 10), reply.body)
