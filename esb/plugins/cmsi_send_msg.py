"""cmsi/send_msg: one form for every way a message can go; the channel's own component sends it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, SkipValidation

from esb import (
    Call,
    Component,
    Decision,
    EsbError,
    Label,
    LooseBool,
    NoConfig,
    Params,
    Question,
    Reason,
    Receivers,
    RequiredReceivers,
    RequiredText,
    Text,
    Whole,
)
from esb.channels.answer_schema import Delivered, Previewed


class SendMsgParams(Params):
    """Parameters of cmsi/send_msg. Those of one channel are ignored by the others, and checked by their own."""

    msg_type: Annotated[RequiredText, Label("msg type")] = Field(
        description="weixin, mail, sms or voice", examples=["weixin"]
    )
    receiver__username: Annotated[RequiredReceivers, Label("receiver")] = Field(
        description="names of users who are registered in BlueKing; several are separated by commas, or form a list",
        examples=["admin"],
    )
    title: Annotated[RequiredText, Label("message title")] = Field(
        description="title of the message", examples=["blueking alarm"]
    )
    content: Annotated[RequiredText, Label("message content")] = Field(
        description="the message itself", examples=["This is a test."]
    )
    is_content_base64: LooseBool = Field(False, description="whether content is base64 of UTF-8 text; default False")
    sender: Text = Field("", description="mail: who sends it")
    cc__username: SkipValidation[Receivers] = Field((), description="mail: user names who get a copy")
    body_format: Text = Field("", description="mail: Html or Text")
    attachments: SkipValidation[list[dict[str, Any]]] = Field(
        [], description="mail: attachments as send_mail takes them"
    )
    date: Text = Field("", description="weixin: when it was sent")
    remark: Text = Field("", description="weixin: the last line of the message")
    wx_qy_agentid: SkipValidation[Whole] = Field(None, description="weixin: agentid of the WeChat app")
    wx_qy_corpsecret: Text = Field("", description="weixin: secret of the WeChat app", repr=False)


def _weixin(params: SendMsgParams) -> dict[str, Any]:
    return {
        "data": {
            "heading": params.title,
            "message": params.content,
            "date": params.date,
            "remark": params.remark,
            "is_message_base64": params.is_content_base64,
        },
        "wx_qy_agentid": params.wx_qy_agentid,
        "wx_qy_corpsecret": params.wx_qy_corpsecret,
    }


def _mail(params: SendMsgParams) -> dict[str, Any]:
    given = {
        "sender": params.sender,
        "cc__username": params.cc__username,
        "body_format": params.body_format,
        "attachments": params.attachments,
    }
    return {
        "title": params.title,
        "content": params.content,
        "is_content_base64": params.is_content_base64,
        **{name: value for name, value in given.items() if value},
    }


def _sms(params: SendMsgParams) -> dict[str, Any]:
    return {"content": params.content, "is_content_base64": params.is_content_base64}


def _voice(params: SendMsgParams) -> dict[str, Any]:
    return {"auto_read_message": params.content, "is_content_base64": params.is_content_base64}


CHANNELS: Mapping[str, tuple[str, Callable[[SendMsgParams], dict[str, Any]]]] = {
    "weixin": ("/cmsi/send_weixin/", _weixin),
    "mail": ("/cmsi/send_mail/", _mail),
    "sms": ("/cmsi/send_sms/", _sms),
    "voice": ("/cmsi/send_voice_msg/", _voice),
}


class SendMsg(Component[NoConfig, SendMsgParams]):
    """Sends a message by the channel that its type names, through the component that is declared for it."""

    params_type = SendMsgParams
    answer_type = Delivered | Previewed | Any
    sends = True
    has_environments = False  # the component it calls looks at the header itself

    async def explain(self, question: Question) -> Decision:
        return Decision(verdict="unknown", why="it calls the component of msg_type, which decides too: ask about that")

    async def handle(self, call: Call, params: SendMsgParams) -> Any:
        channel = CHANNELS.get(params.msg_type)
        if channel is None:
            raise EsbError(
                "Unsupported type of msg type, expected weixin, mail, sms or voice", call_reason=Reason.PARAMETERS
            )
        path, arguments = channel
        if self.services.declared(path) is None:
            raise EsbError(
                "Unsupported type of msg type, {path} is not declared in this gateway",
                call_reason=Reason.COMPONENT,
                path=path,
            )
        return await self.services.call(
            call, path, {"receiver__username": params.receiver__username} | arguments(params)
        )
