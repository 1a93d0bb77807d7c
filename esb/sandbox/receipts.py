"""Receipts of template messages: the event that an official account posts to its address when a message has arrived.

Plain, or encrypted with the account's EncodingAESKey. Whoever has no address is told nothing.
"""

import asyncio
import base64
import hashlib
import os
from contextlib import suppress
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from esb.sandbox.knobs import Knobs
from esb.sandbox.state import Follower, OfficialAccount

SECONDS = ClientTimeout(total=5)
"""The time WeChat waits for an answer."""
BLOCK = 32
"""Bytes of a block of the padding."""


class Courier:
    """Posts receipts beside the calls that they come of, also before these are answered."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def post(self, account: OfficialAccount, follower: Follower, msgid: int, now: float, knobs: Knobs) -> None:
        """Post the receipt of a message that this follower got, as often and as late as the knobs say."""
        if not account.callback_url:
            return
        query, body = _request(account, follower, msgid, int(now))
        for _ in range(knobs.mp_receipts):
            task = asyncio.ensure_future(self._posted(account.callback_url, query, body, knobs.mp_receipt_delay_ms))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _posted(self, url: str, query: dict[str, str], body: bytes, delay_ms: float) -> None:
        await asyncio.sleep(delay_ms / 1000)
        if self._session is None:
            self._session = ClientSession(timeout=SECONDS)
        with suppress(ClientError, TimeoutError):  # an address that does not answer is nobody's business here
            async with self._session.post(url, params=query, data=body, headers={"Content-Type": "text/xml"}):
                pass


def _request(account: OfficialAccount, follower: Follower, msgid: int, now: int) -> tuple[dict[str, str], bytes]:
    """Return the query and the body by which WeChat tells of one message."""
    nonce = str(int.from_bytes(os.urandom(4), "big"))
    signed = [account.callback_token, str(now), nonce]
    query = {"signature": _signature(signed), "timestamp": signed[1], "nonce": nonce, "openid": follower.openid}
    event = _xml(
        ToUserName=account.appid,
        FromUserName=follower.openid,
        CreateTime=now,
        MsgType="event",
        Event="TEMPLATESENDJOBFINISH",
        MsgID=msgid,
        Status=follower.receipt,
    )
    if not account.callback_aes_key:
        return query, event.encode()
    encrypted = _encrypted(account, event.encode())
    query |= {"encrypt_type": "aes", "msg_signature": _signature([*signed, encrypted])}
    return query, _xml(ToUserName=account.appid, Encrypt=encrypted).encode()


def _signature(parts: list[str]) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def _encrypted(account: OfficialAccount, event: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    content = os.urandom(16) + len(event).to_bytes(4, "big") + event + account.appid.encode()
    padding = BLOCK - len(content) % BLOCK
    key = base64.b64decode(f"{account.callback_aes_key}=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(content + bytes([padding]) * padding) + encryptor.finalize()).decode()


def _xml(**fields: Any) -> str:
    texts = (
        f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}><![CDATA[{value}]]></{name}>"
        for name, value in fields.items()
    )
    return f"<xml>{''.join(texts)}</xml>"
