"""A search for secrets that got out: in answers, events, the log, or the reprs that a traceback would show."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from typing import Protocol
from urllib.parse import quote, quote_plus

from esb.gateway.app import GATEWAY
from esb.telemetry.metrics import Tally
from esb.testing.gateway import Gateway

SHORTEST = 4


class AssertNoSecrets(Protocol):
    """A function that fails if one of these secrets got out of a gateway that the test has opened."""

    def __call__(self, *secrets: str) -> None: ...


def assert_no_secrets(gateways: Sequence[Gateway], logged: str, *secrets: str) -> None:
    """Search all outputs; the AssertionError names the output, not the secret. `logged`: from Python's own logging."""
    __tracebackhide__ = True
    for number, secret in enumerate(secrets, 1):
        if len(secret) < SHORTEST:
            raise ValueError(f"secret {number} is shorter than {SHORTEST} characters: it would be found by chance")
        forms = set(_forms(secret))
        outputs = [("Python's logging", logged), *(output for each in gateways for output in _outputs(each))]
        for output, text in outputs:
            if any(form in text for form in forms):
                raise AssertionError(f"secret {number} got out, in {output}")


def _outputs(gateway: Gateway) -> Iterator[tuple[str, str]]:
    """Yield name and text of each output of this gateway."""
    for number, answer in enumerate(gateway.answers, 1):
        yield f"answer {number}", answer
    for event in gateway.events:
        yield f"the event {type(event).__name__}", repr(event)
    yield "the log", gateway.log.getvalue()
    tally = Tally(time.time)
    for event in gateway.events:
        tally(event)
    yield "the metrics", repr(tally.snapshot())
    generation = gateway.app[GATEWAY].generation
    yield "repr(config)", repr(generation.config)
    for built in generation.built:
        yield f"the repr of {type(built).__name__} or its config", f"{built!r} {getattr(built, 'config', None)!r}"


def _forms(secret: str) -> Iterator[str]:
    """Yield the spellings of a secret: plain, quoted for URLs and JSON, in a repr, in base64."""
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
