"""The data of a sending answer, for documents. `Audience.report` makes it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Documented(BaseModel):
    """Never made: only its schema is asked for, by those who write documents. So that is not built before."""

    model_config = ConfigDict(defer_build=True)


class UsernameCheck(_Documented):
    """What became of user names."""

    invalid: list[str] = Field(description="user names that are not registered, or have left", examples=[[]])


class Missed(_Documented):
    """A receiver whom the message did not reach."""

    receiver: str = Field(description="the receiver, as the caller named it")
    errcode: int | str | None = Field(
        description="code of the system that refused it, a number or a text; null if none was asked"
    )
    errmsg: str = Field(description="why")
    kind: str = Field(
        "",
        alias="class",
        description="class of the failure: token, busy, quota, receiver, message, config or unknown",
    )
    retry_after: float = Field(0, description="seconds until another try may succeed")
    pages_accepted: int = Field(0, description="parts of a long message that were accepted before")
    pages: int = Field(0, description="parts of the message")


class Warned(_Documented):
    """Something that was sent, and will not look as it was meant to."""

    field: str = Field(description="the parameter")
    what: str = Field(description="what is wrong with it")


class AcceptedDelivery(_Documented):
    """A message that is accepted, and sent afterwards."""

    id: str = Field(description="id of the delivery, by which its state is asked for")
    state: str = Field(description="queued, sending, held, done, dead or cancelled")
    due: str = Field(description="when it is sent, or tried again")
    expires: str = Field(description="until when it is tried")


class Delivered(_Documented):
    """What became of every receiver, each as the caller named it."""

    accepted: list[str] = Field(description="receivers whose message was accepted", examples=[["xxx"]])
    failed: list[Missed] = Field(description="receivers whose message was not sent: send it again to these only")
    unknown: list[str] = Field(description="receivers of whom it is not known whether it reached them", examples=[[]])
    msgids: list[str] = Field(description="the sending system's ids of the messages", examples=[["1"]])
    held: list[str] = Field(
        default=[], description="receivers of the accepted ones whose message is reviewed before they get it"
    )
    username_check: UsernameCheck | None = Field(None, description="what became of user names")
    warnings: list[Warned] = Field(default=[], description="what was sent and will not be shown as it is")
    delivery: AcceptedDelivery | None = Field(
        None, description="an asynchronous call: what was accepted; the lists above are empty until it is sent"
    )


class Preview(_Documented):
    """One request that would have been sent."""

    receivers: list[str] = Field(description="for whom it is")
    endpoint: str = Field(description="where it would have gone")
    body: dict[str, Any] = Field(description="what it would have said")


class Previewed(_Documented):
    """The answer to a dry run."""

    dry_run: bool = Field(description="true: nothing was sent", examples=[True])
    messages: list[Preview] = Field(description="what would have been sent")
    username_check: UsernameCheck | None = Field(None, description="what became of user names")
    warnings: list[Warned] = Field(default=[], description="what would not be shown as it is")
