"""The keys `deliveries` and `ledger`: what is sent after its call was answered, and what is kept of it."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from esb.config.base import ConfigModel
from esb.config.schema import Count

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_CONTENT = re.compile(r"none|until_done|[1-9][0-9]{0,4}d")


def seconds_of(duration: str) -> int:
    """Return the seconds of a duration such as 30s, 15m, 24h or 30d. ValueError that says what is expected."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("expected a duration such as 30s, 15m, 24h or 30d")
    return int(found[1]) * SECONDS[found[2]]


def _duration(value: str) -> str:
    seconds_of(value)
    return value


def _content(value: str) -> str:
    if _CONTENT.fullmatch(value) is None:
        raise ValueError("expected none, until_done, or days such as 7d")
    return value


Duration = Annotated[str, AfterValidator(_duration), Field(json_schema_extra={"pattern": f"^{_DURATION.pattern}$"})]


class DeliveriesConfig(ConfigModel):
    """Asynchronous calls: accepted into `services.database`, and sent afterwards."""

    run: Literal["here", "separate", "off"] = Field(
        "here",
        description="who sends: here, these processes; separate, those of `esb deliver`; off: nothing is accepted",
    )
    concurrency: Count = Field(50, description="deliveries of one process under way at once")
    expires: Duration = Field("24h", description="how long a delivery is tried, unless its call says otherwise")
    max_queued: Count = Field(100_000, description="deliveries of one app that may wait; beyond, its calls are refused")
    engine: dict[str, Any] | None = Field(
        None,
        repr=False,
        exclude=True,  # it is a stanza of its own, with secrets in it: Config.delivery_engine
        description="what tells processes that there is work: `use: embedded`, or `use: saq`",
    )


class LedgerConfig(ConfigModel):
    """The record of deliveries, in `services.database`."""

    sync: Literal["on", "failures", "off"] = Field(
        "failures",
        description="which synchronous calls are recorded too: all, those that did not reach everybody, none",
    )
    content: Annotated[
        str, AfterValidator(_content), Field(json_schema_extra={"pattern": f"^(?:{_CONTENT.pattern})$"})
    ] = Field(
        "until_done",
        description="how long contents are kept, encrypted: none (not those of synchronous calls, and others until they"
        " have ended), until_done, or days such as 7d",
    )
    rows: Duration = Field("30d", description="how long it is kept what became of a message")
    history: Duration = Field(
        "400d", description="how long the history of apps and their rights is kept, and their use"
    )
