"""cmsi/get_msg_type: the ways a message can go, which of them are switched on, and an icon for each."""

from typing import Any

from esb import Call, Component, NoConfig, Params
from esb.plugins._icons import ACTIVE, INACTIVE

TYPES = (
    ("weixin", "微信", "/cmsi/send_weixin/"),
    ("mail", "邮件", "/cmsi/send_mail/"),
    ("sms", "短信", "/cmsi/send_sms/"),
    ("voice", "语音", "/cmsi/send_voice_msg/"),
)
"""Type, Chinese label and the component that sends it, in the old ESB's order."""


class GetMsgType(Component[NoConfig, Params]):
    """Answers from what is declared; calls nobody."""

    has_environments = False

    async def handle(self, call: Call, params: Params) -> Any:
        english = call.language.lower().startswith("en")
        return [self._described(kind, kind if english else label, path) for kind, label, path in TYPES]

    def _described(self, kind: str, label: str, path: str) -> dict[str, Any]:
        active = self.services.declared(path) is True
        return {"type": kind, "label": label, "is_active": active, "icon": (ACTIVE if active else INACTIVE)[kind]}
