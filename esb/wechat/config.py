"""The keys that configure a WeChat credential, named as operators of the old ESB know them."""

from typing import Literal

from pydantic import SecretStr

from esb.config import ConfigModel
from esb.outgoing import Outgoing
from esb.tokens import TokenCache
from esb.wechat.official_account import OfficialAccount
from esb.wechat.wecom import WeCom


class WeComConfig(ConfigModel):
    """A WeCom app. `wx_qy_allow_all`: may a caller send to @all; `wx_proxy`: a forward proxy, with its password."""

    wx_qy_corpid: str = ""
    wx_qy_corpsecret: SecretStr | None = None
    wx_qy_agentid: int | None = None
    wx_qy_allow_all: bool = False
    wx_qy_host: str = "https://qyapi.weixin.qq.com"
    wx_proxy: SecretStr | None = None

    def require_wecom(self) -> None:
        """ValueError unless there is a corporation, and an app of it that is whole."""
        if not self.wx_qy_corpid:
            raise ValueError("WeCom needs wx_qy_corpid")
        if (self.wx_qy_corpsecret is None) != (self.wx_qy_agentid is None):
            raise ValueError("wx_qy_corpsecret and wx_qy_agentid belong together: declare both, or neither")

    def wecom(self, http: Outgoing, tokens: TokenCache, borrowed_secret: str = "") -> WeCom | None:
        """The configured app, or the one whose secret a caller sent. None if there is no secret at all."""
        secret = borrowed_secret or revealed(self.wx_qy_corpsecret)
        if not secret:
            return None
        return WeCom(
            http,
            tokens,
            host=self.wx_qy_host,
            account=self.wx_qy_corpid,
            secret=secret,
            proxy=revealed(self.wx_proxy) or None,
            borrowed=bool(borrowed_secret) and borrowed_secret != revealed(self.wx_qy_corpsecret),
        )


class OfficialAccountConfig(ConfigModel):
    """An official account. `wx_token_api`: stable (several gateways may share the account) or plain."""

    wx_app_id: str = ""
    wx_secret: SecretStr | None = None
    wx_template_id: str = ""
    wx_token_api: Literal["stable", "plain"] = "stable"  # noqa: S105 - an interface, no secret
    wx_mp_host: str = "https://api.weixin.qq.com"
    wx_proxy: SecretStr | None = None

    def require_official_account(self) -> None:
        """ValueError unless appid, secret and template are there."""
        missing = [key for key in ("wx_app_id", "wx_secret", "wx_template_id") if not getattr(self, key)]
        if missing:
            raise ValueError(f"an official account needs {' and '.join(missing)}")

    def official_account(self, http: Outgoing, tokens: TokenCache) -> OfficialAccount:
        return OfficialAccount(
            http,
            tokens,
            host=self.wx_mp_host,
            account=self.wx_app_id,
            secret=revealed(self.wx_secret),
            kind=self.wx_token_api,
            proxy=revealed(self.wx_proxy) or None,
        )


def revealed(secret: SecretStr | None) -> str:
    """The secret itself; "" for none."""
    return "" if secret is None else secret.get_secret_value()
