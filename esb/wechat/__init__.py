"""The two WeChat protocols, official account and WeCom: one credential each, and how it sends."""

from esb.wechat.account import Account, Reply, WeChatError
from esb.wechat.official_account import OfficialAccount
from esb.wechat.wecom import WeCom

__all__ = ["Account", "OfficialAccount", "Reply", "WeChatError", "WeCom"]
