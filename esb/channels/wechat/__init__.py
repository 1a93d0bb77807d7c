"""The two WeChat protocols, official account and WeCom: one credential each, what it sends, and how that went."""

from esb.channels.wechat.channels import OfficialAccountChannel, WeComChannel, send
from esb.channels.wechat.config import OfficialAccountConfig, WeComConfig, revealed
from esb.channels.wechat.member_pacing import Pace
from esb.channels.wechat.message import Message
from esb.channels.wechat.notice import Notice
from esb.channels.wechat.pagination import ROBOT_MARKDOWN_BYTES, markdown_pages, pages
from esb.channels.wechat.wecom_robot import MESSAGES_PER_MINUTE, WEBHOOK_SEND, Robot

__all__ = [
    "MESSAGES_PER_MINUTE",
    "ROBOT_MARKDOWN_BYTES",
    "WEBHOOK_SEND",
    "Message",
    "Notice",
    "OfficialAccountChannel",
    "OfficialAccountConfig",
    "Pace",
    "Robot",
    "WeComChannel",
    "WeComConfig",
    "markdown_pages",
    "pages",
    "revealed",
    "send",
]
