"""cmsi/get_msg_type: the ways a message can go, which of them are switched on, and an icon for each."""

from typing import Any

from pydantic import BaseModel, Field

from esb import Call, Component, NoConfig, Params
from esb.plugins._icons import ACTIVE, INACTIVE

TYPES = (
    ("weixin", "微信", "/cmsi/send_weixin/"),
    ("mail", "邮件", "/cmsi/send_mail/"),
    ("sms", "短信", "/cmsi/send_sms/"),
    ("voice", "语音", "/cmsi/send_voice_msg/"),
)
"""Type, Chinese label and the component that sends it, in the old ESB's order."""


class MessageType(BaseModel):
    """One item of the answer."""

    type: str = Field(description="type of the message", examples=["weixin"])
    label: str = Field(description="its name in the caller's language", examples=["weixin"])
    is_active: bool = Field(description="whether this gateway sends such messages", examples=[True])
    icon: str = Field(description="a picture for it: 32×32 PNG as base64", examples=["iVBORw0KGgo…"])


class GetMsgType(Component[NoConfig, Params]):
    """Tells the types of messages that can be sent, and which of them are switched on."""

    answer_type = list[MessageType]
    has_environments = False

    async def handle(self, call: Call, params: Params) -> Any:
        english = call.language.lower().startswith("en")
        return [self._described(kind, kind if english else label, path) for kind, label, path in TYPES]

    def _described(self, kind: str, label: str, path: str) -> dict[str, Any]:
        active = self.services.declared(path) is True
        return {"type": kind, "label": label, "is_active": active, "icon": (ACTIVE if active else INACTIVE)[kind]}
