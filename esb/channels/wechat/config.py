"""The keys that configure a WeChat credential, named as operators of the old ESB know them."""

from typing import Literal

from pydantic import Field, SecretStr

from esb.channels.wechat.member_pacing import Pace
from esb.channels.wechat.official_account import OfficialAccount
from esb.channels.wechat.wecom import WeCom
from esb.config import ConfigModel
from esb.config.urls import BaseUrl, SecretUrl
from esb.contracts.services import Means


class WeComConfig(ConfigModel):
    """A WeCom app, and the way to it."""

    wx_qy_corpid: str = Field("", description="WeCom: id of the corporation")
    wx_qy_corpsecret: SecretStr | None = Field(
        None, description="WeCom: secret of the app; left out if every caller brings its own"
    )
    wx_qy_agentid: int | None = Field(None, description="WeCom: agentid of the app")
    wx_qy_allow_all: bool = Field(False, description="WeCom: whether a caller may send to @all")
    wx_qy_duplicate_check: bool = Field(
        True, description="WeCom drops repetitions of a request, so that an unanswered one may be repeated"
    )
    wx_qy_member_per_minute: int = Field(
        30,
        ge=0,
        description="messages for one member in a minute: WeCom silently drops what is beyond 30; 0 does not count",
    )
    wx_qy_host: BaseUrl = Field("https://qyapi.weixin.qq.com", description="address of WeCom or of a private proxy")
    wx_proxy: SecretUrl | None = Field(None, description="forward proxy: http://user:password@host:port")

    def require_wecom(self) -> None:
        """ValueError unless there is a corporation, and an app of it that is whole."""
        if not self.wx_qy_corpid:
            raise ValueError("WeCom needs wx_qy_corpid")
        if (self.wx_qy_corpsecret is None) != (self.wx_qy_agentid is None):
            raise ValueError("wx_qy_corpsecret and wx_qy_agentid belong together: declare both, or neither")

    def wecom(self, means: Means, borrowed_secret: str = "") -> WeCom | None:
        """The configured app, or the one whose secret a caller sent. None if there is no secret at all."""
        secret = borrowed_secret or revealed(self.wx_qy_corpsecret)
        if not secret:
            return None
        return WeCom(
            means,
            host=self.wx_qy_host,
            account=self.wx_qy_corpid,
            secret=secret,
            proxy=revealed(self.wx_proxy) or None,
            borrowed=bool(borrowed_secret) and borrowed_secret != revealed(self.wx_qy_corpsecret),
        )

    def pace(self, means: Means, agentid: int) -> Pace | None:
        """How fast members may be sent to, counted by corporation and app; None if nobody counts."""
        if not self.wx_qy_member_per_minute:
            return None
        return Pace(means.store, f"{self.wx_qy_corpid}:{agentid}", self.wx_qy_member_per_minute)


class TemplateKeys(ConfigModel):
    """Which key of the template shows which parameter: "thing5" for a category template, for instance."""

    heading: str = Field("first", description="key that shows the heading")
    message: str = Field("keyword1", description="key that shows the message")
    date: str = Field("keyword2", description="key that shows the date")
    remark: str = Field("remark", description="key that shows the remark")


class OfficialAccountConfig(ConfigModel):
    """An official account, its template, and the way to it."""

    wx_app_id: str = Field("", description="official account: appid")
    wx_secret: SecretStr | None = Field(None, description="official account: secret")
    wx_template_id: str = Field("", description="official account: id of the template")
    wx_template_keys: TemplateKeys = Field(
        TemplateKeys(), description="official account: which key of the template shows which parameter"
    )
    wx_token_api: Literal["stable", "plain"] = Field(
        "stable", description="official account: stable, if other programs use the account too; plain, if none does"
    )
    wx_mp_host: BaseUrl = Field(
        "https://api.weixin.qq.com", description="address of the official account's API, or that of a private proxy"
    )
    wx_proxy: SecretUrl | None = Field(None, description="forward proxy: http://user:password@host:port")

    def require_official_account(self) -> None:
        """ValueError unless appid, secret and template are there."""
        missing = [key for key in ("wx_app_id", "wx_secret", "wx_template_id") if not getattr(self, key)]
        if missing:
            raise ValueError(f"an official account needs {' and '.join(missing)}")

    def official_account(self, means: Means) -> OfficialAccount:
        return OfficialAccount(
            means,
            host=self.wx_mp_host,
            account=self.wx_app_id,
            secret=revealed(self.wx_secret),
            kind=self.wx_token_api,
            proxy=revealed(self.wx_proxy) or None,
        )


def revealed(secret: SecretStr | None) -> str:
    """The secret itself; "" for none."""
    return "" if secret is None else secret.get_secret_value()
