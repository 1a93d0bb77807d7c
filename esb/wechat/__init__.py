"""The two WeChat protocols, official account and WeCom: one credential each, what it sends, and how that went."""

from esb.wechat.channels import OfficialAccountChannel, WeComChannel, send
from esb.wechat.config import OfficialAccountConfig, WeComConfig, revealed
from esb.wechat.message import Message
from esb.wechat.notice import Notice
from esb.wechat.pacing import Pace
from esb.wechat.robot import MESSAGES_PER_MINUTE, WEBHOOK_SEND, Robot
from esb.wechat.text import ROBOT_MARKDOWN_BYTES, markdown_pages, pages

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
