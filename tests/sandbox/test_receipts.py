"""Receipts that the sandbox posts, as the gateway and a library of other people read them."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from esb.channels.wechat.receipts import ReceiptReader
from esb.contracts.receipts import Receipt, ReceiptRequest
from esb.sandbox.knobs import Knobs
from esb.sandbox.receipts import Courier
from esb.sandbox.state import Follower, OfficialAccount
from tests.support.gateway import OpenServer
from tests.support.wechat_client import APPID, MP_SECRET, OPENID, TEMPLATE, WeChat

CALLBACK_TOKEN, AES_KEY = "callback-token", 43 * "k"


class Address:
    """The address of an account: keeps what is posted to it."""

    def __init__(self) -> None:
        self.posted: asyncio.Queue[ReceiptRequest] = asyncio.Queue()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/receipts", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        self.posted.put_nowait(ReceiptRequest("POST", dict(request.query), await request.read()))
        return web.Response(text="success")

    async def next(self) -> ReceiptRequest:
        async with asyncio.timeout(10):
            return await self.posted.get()


@pytest.fixture
def address() -> Address:
    return Address()


@pytest.fixture
async def told(wechat: WeChat, open_server: OpenServer, address: Address) -> Any:
    """Seed an account that tells of its messages; keys are those of the account, `receipt` that of its follower."""
    url = f"{await open_server(address.application())}/receipts"

    async def seed(receipt: str = "success", **more: Any) -> str:
        account = {"appid": APPID, "secret": MP_SECRET, "templates": {TEMPLATE: {}}, "callback_token": CALLBACK_TOKEN}
        follower = {"openid": OPENID, "receipt": receipt}
        await wechat.seed(mp=[{**account, "openids": [follower], "callback_url": url, **more}])
        return await wechat.stable_token()

    return seed


@pytest.mark.parametrize("aes_key", ["", AES_KEY])
@pytest.mark.parametrize(
    ("status", "delivered", "reason"), [("success", True, ""), ("failed:user block", False, "user block")]
)
async def test_a_template_message_is_told_of_plain_or_encrypted(
    wechat: WeChat, told: Any, address: Address, aes_key: str, status: str, delivered: bool, reason: str
) -> None:
    token = await told(status, **({"callback_aes_key": aes_key} if aes_key else {}))
    msgid = (await wechat.template(token))["msgid"]
    request = await address.next()
    answer = ReceiptReader(APPID, CALLBACK_TOKEN, aes_key).answer(request)
    assert answer.receipts == (Receipt(str(msgid), OPENID, delivered, reason),)
    if aes_key:
        crypto = pytest.importorskip("wechatpy.crypto").WeChatCrypto(CALLBACK_TOKEN, aes_key, APPID)
        query = request.query
        read = crypto.decrypt_message(request.body, query["msg_signature"], query["timestamp"], query["nonce"])
        assert f"<MsgID>{msgid}</MsgID>" in read


async def test_a_receipt_comes_as_often_as_the_knob_says_and_not_for_a_duplicate(
    wechat: WeChat, told: Any, address: Address
) -> None:
    token = await told()
    await wechat.turn(mp_receipts=2)
    for _ in range(2):
        await wechat.template(token, client_msg_id="1")
    assert (await address.next()).body == (await address.next()).body
    await wechat.turn(mp_receipts=1)
    await wechat.template(token)
    await address.next()
    assert address.posted.empty()


async def test_an_account_without_an_address_is_told_nothing() -> None:
    courier = Courier()
    courier.post(OfficialAccount(APPID, MP_SECRET), Follower(OPENID), 1, 0.0, Knobs())
    assert courier._tasks == set()
    await courier.close()


async def test_a_receipt_that_waits_or_finds_nobody_keeps_nothing_from_ending(wechat: WeChat, told: Any) -> None:
    token = await told(callback_url="http://127.0.0.1:9/")
    assert (await wechat.template(token))["errcode"] == 0
    await wechat.turn(mp_receipt_delay_ms=3600_000)
    assert (await wechat.template(token))["errcode"] == 0
