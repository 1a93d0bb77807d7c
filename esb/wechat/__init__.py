"""The two WeChat protocols, official account and WeCom: one credential each, what it sends, and how that went."""

from esb.wechat.account import Account
from esb.wechat.config import OfficialAccountConfig, WeComConfig
from esb.wechat.delivery import answer
from esb.wechat.members import members
from esb.wechat.notice import Notice
from esb.wechat.official_account import OfficialAccount, template_messages
from esb.wechat.outcome import deliver
from esb.wechat.wecom import WeCom, text_messages

__all__ = [
    "Account",
    "Notice",
    "OfficialAccount",
    "OfficialAccountConfig",
    "WeCom",
    "WeComConfig",
    "answer",
    "deliver",
    "members",
    "template_messages",
    "text_messages",
]
