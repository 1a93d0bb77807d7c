"""An app of a corporation in WeCom (企业微信): its tokens, messages and recalls, and the files that it uploads.

Source: developer.work.weixin.qq.com/document/path/91039 (gettoken), path/90389 (media/upload), path/94867 (recall).
"""

from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlencode

from esb.channels.account import Read
from esb.channels.message import OutboundMessage
from esb.channels.verdict import ACCEPTED, Declined, JudgedAnswer, Verdict
from esb.channels.wechat.account import WeChatAccount
from esb.channels.wechat.media import MediaFile
from esb.contracts.services import ProcessServices
from esb.core.call import Call
from esb.core.errors import UpstreamError, template
from esb.outgoing.client import Target

MEDIA_UPLOAD = "/cgi-bin/media/upload"
MESSAGE_RECALL = "/cgi-bin/message/recall"
RECALL_SECONDS = 24 * 3600.0
"""The seconds within which a message may be taken back. Source: developer.work.weixin.qq.com/document/path/94867."""
CONCURRENCY = 45033
"""Errcode for too many requests at once."""


class WeCom(WeChatAccount):
    """An app of a corporation: its corpid and the app's own secret."""

    platform = "qy"
    system = "weixin_qy"
    interface = "send_message"
    at_once = 4
    secret_parameter = "wx_qy_corpsecret"  # noqa: S105 - the name of a parameter

    async def _ask_token(self, call: Call, target: Target, read: Read) -> JudgedAnswer:
        query = urlencode({"corpid": self.key.account, "corpsecret": self._secret})
        url = f"{self._host}/cgi-bin/gettoken?{query}"
        return await self._http.judged(call, target, "GET", url, read, proxy=self._proxy, timeout=self.fetch_seconds)

    def _is_crowded(self, verdict: Verdict) -> bool:
        return verdict.errcode == CONCURRENCY


class MediaUpload(WeCom):
    """The upload of one file by an app: with its token, and repeated where no answer came, for nobody sees it yet."""

    interface = "media_upload"
    attempt_seconds = 30.0  # with 20 MB it takes longer than a message
    sends = False
    gated = "media"

    def __init__(self, services: ProcessServices, file: MediaFile, **credential: Any) -> None:
        """Take the file, and what an app is made of; see Account."""
        super().__init__(services, **credential)
        self._file = file
        self._headers = {"Content-Type": file.content_type}

    async def media_id(self, call: Call) -> str:
        """Upload the file, and return the id by which messages show it.

        Raises what `post` raises, and Declined if WeCom does not take the file; nothing is sent to anybody then.
        """
        try:
            reply = await self.post(call, OutboundMessage((), MEDIA_UPLOAD, [{}], {}, deduplicated=True))
        except UpstreamError as error:
            raise error.with_sent(False) from error
        if reply.verdict.kind not in ACCEPTED:
            raise Declined(reply.verdict)
        media_id = reply.body.get("media_id")
        if not isinstance(media_id, str) or not media_id:
            reason = template("the response holds no media_id")
            raise UpstreamError(self.system, self.interface, reason, sent=False)
        return media_id

    def _url(self, endpoint: str, token: str) -> str:
        return f"{super()._url(endpoint, token)}&type={self._file.kind}"

    def _ask(self, call: Call, message: OutboundMessage, raw: bytes, token: str) -> Awaitable[JudgedAnswer]:
        return super()._ask(call, message, self._file.form, token)


class MessageRecall(WeCom):
    """The recall of one message of an app: for all of its receivers, and repeated where no answer came."""

    interface = "message_recall"
    sends = False
    gated = "recall"

    async def recall(self, call: Call, msgid: str) -> None:
        """Take the message back. Raises what `post` raises, and Declined if WeCom does not do it."""
        reply = await self.post(call, OutboundMessage((), MESSAGE_RECALL, [{}], {"msgid": msgid}, deduplicated=True))
        if reply.verdict.kind not in ACCEPTED:
            raise Declined(reply.verdict)
