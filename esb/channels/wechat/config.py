"""The keys that configure a WeChat credential, named as operators of the old ESB know them."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal

from pydantic import Field, SecretStr

from esb.config import ConfigModel
from esb.config.urls import BaseUrl, SecretUrl

PLAIN = "plain"
"""The kind of token of which a fetch kills the one before."""
KILLED_TOKENS = (
    "each fetch of a plain token kills the one before, so processes that share no memory kill each other's; use stable"
)


_AES_KEY = re.compile("[A-Za-z0-9]{43}")


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
    wx_callback_token: SecretStr | None = Field(
        None, description="official account: token by which WeChat signs the events that tell what became of a message"
    )
    wx_encoding_aes_key: SecretStr | None = Field(
        None,
        description="official account: EncodingAESKey of these events, if its console lets them be encrypted",
    )
    wx_proxy: SecretUrl | None = Field(None, description="forward proxy: http://user:password@host:port")

    def require_official_account(self) -> None:
        """ValueError unless appid, secret and template are there."""
        missing = [key for key in ("wx_app_id", "wx_secret", "wx_template_id") if not getattr(self, key)]
        if missing:
            raise ValueError(f"an official account needs {' and '.join(missing)}")
        if self.wx_encoding_aes_key is None:
            return
        if self.wx_callback_token is None:
            raise ValueError("wx_encoding_aes_key needs wx_callback_token, by which events are signed")
        if not _AES_KEY.fullmatch(self.wx_encoding_aes_key.get_secret_value()):
            raise ValueError("wx_encoding_aes_key has 43 letters and digits: copy it from the account's console")
        if find_spec("cryptography") is None:
            raise ValueError("wx_encoding_aes_key needs cryptography, which `pip install 'esb-gateway[jwt]'` installs")

    def worker_hazards(self) -> Mapping[str, str]:
        """Return what several processes that share no store would do to the account's token: see Component."""
        return {"wx_token_api": KILLED_TOKENS} if self.wx_token_api == PLAIN else {}


def revealed(secret: SecretStr | None) -> str:
    """Return the secret itself; "" for none."""
    return "" if secret is None else secret.get_secret_value()
