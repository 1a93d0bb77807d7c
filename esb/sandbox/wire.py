"""Forms on the wire: JSON, the call as it came in, the answer as it goes out, and the refusal in between."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any


def _encode_plainly(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


try:
    import orjson
except ImportError:
    encode: Callable[[Any], bytes] = _encode_plainly
    decode: Callable[[bytes], Any] = json.loads
else:
    encode = orjson.dumps
    decode = orjson.loads


Code = int | str
"""A platform's code for why it says no: WeChat's and SMTP's are numbers, Tencent Cloud's are texts."""


class Refusal(Exception):
    """A platform says no: its code, wording other than the usual, and the fields that travel beside it."""

    def __init__(self, errcode: Code, wording: str | None = None, **fields: object) -> None:
        super().__init__(errcode, wording)
        self.errcode = errcode
        self.wording = wording
        self.fields = fields


@dataclass(frozen=True)
class Call:
    """One request to an endpoint, with its body read. `path` names the endpoint: for Tencent Cloud, the action."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    remote: str
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def document(self) -> Any:
        """The body as JSON whatever its Content-Type, as WeChat reads it; raises ValueError when it is none."""
        return decode(self.body)

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The body if it is a JSON object, otherwise an empty mapping: for a look that must not fail."""
        try:
            document = self.document
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, complete; `errcode` is None where the body has none to count."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    errcode: Code | None = None


def headers(**values: str) -> Mapping[str, str]:
    """Return response headers, to be made once; underscores in the names stand for dashes."""
    return MappingProxyType({name.replace("_", "-"): value for name, value in values.items()})


@dataclass(slots=True)
class Counted:
    """Counters of one endpoint: calls, answers by errcode, calls in flight and the most of them at once."""

    calls: int = 0
    codes: dict[Code, int] = field(default_factory=dict)
    in_flight: int = 0
    in_flight_peak: int = 0

    def arrived(self) -> None:
        self.calls += 1
        self.in_flight += 1
        if self.in_flight > self.in_flight_peak:
            self.in_flight_peak = self.in_flight

    def answered(self, errcode: Code) -> None:
        self.codes[errcode] = self.codes.get(errcode, 0) + 1
