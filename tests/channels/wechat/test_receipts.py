"""Receipts of an official account: what is believed, and what it means. Encrypted by a library of other people."""

import hashlib
from typing import Any

import pytest

from esb.channels.wechat.config import OfficialAccountConfig
from esb.channels.wechat.receipts import MOST_BYTES, ReceiptReader
from esb.contracts.receipts import Receipt, ReceiptAnswer, ReceiptRequest

APPID, TOKEN, AES_KEY = "wx0000000000000001", "callback-token", 43 * "k"
ACCOUNT = {"wx_app_id": APPID, "wx_secret": "s", "wx_template_id": "T"}
MSGID, OPENID = "3662956322040938501", "o" + 27 * "A"
STATUS = "<Status><![CDATA[%s]]></Status>"
FINISHED = f"""<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[{OPENID}]]></FromUserName>
<CreateTime>1395658920</CreateTime><MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event><MsgID>{MSGID}</MsgID>{STATUS}</xml>"""
TAKEN = ReceiptAnswer("success")


def signed(*more: str, token: str = TOKEN) -> str:
    return hashlib.sha1("".join(sorted([token, "1700000000", "n", *more])).encode()).hexdigest()  # noqa: S324 - WeChat's choice


def query(**more: str) -> dict[str, str]:
    return {"timestamp": "1700000000", "nonce": "n", "signature": signed(), **more}


def posted(body: str | bytes, reader: ReceiptReader | None = None, **more: str) -> ReceiptAnswer:
    raw = body.encode() if isinstance(body, str) else body
    return (reader or ReceiptReader(APPID, TOKEN)).answer(ReceiptRequest("POST", query(**more), raw))


def encrypted(event: str, appid: str = APPID, key: str = AES_KEY) -> tuple[str, str]:
    """Return the body that holds this event, encrypted, and its signature."""
    crypto = pytest.importorskip("wechatpy.crypto").WeChatCrypto(TOKEN, key, appid)
    body: str = crypto.encrypt_message(event, "n", "1700000000")
    return body, body.partition("<MsgSignature><![CDATA[")[2].partition("]")[0]


def secure(event: str, **changes: Any) -> ReceiptAnswer:
    body, signature = encrypted(event, **changes)
    return posted(body, ReceiptReader(APPID, TOKEN, AES_KEY), msg_signature=signature, encrypt_type="aes")


@pytest.mark.parametrize("post", [posted, secure])
@pytest.mark.parametrize(
    ("status", "delivered", "reason"),
    [
        ("success", True, ""),
        ("failed:user block", False, "user block"),
        ("failed: system failed", False, "system failed"),
        ("failed", False, "failed"),
        ("failed:\x7f" + 200 * "x", False, 99 * "x"),
    ],
)
def test_an_event_tells_whether_a_message_was_delivered(post: Any, status: str, delivered: bool, reason: str) -> None:
    answer = post(FINISHED % status)
    assert (answer.body, answer.status, answer.refusal) == ("success", 200, "")
    assert answer.receipts == (Receipt(MSGID, OPENID, delivered, reason),)


@pytest.mark.parametrize(
    "event",
    [
        FINISHED.replace("TEMPLATESENDJOBFINISH", "subscribe") % "",
        FINISHED.replace("MsgID", "MsgId") % "success",
        FINISHED.replace("FromUserName", "From") % "success",
        f"<xml><a><Event>TEMPLATESENDJOBFINISH</Event><MsgID>1</MsgID><FromUserName>{OPENID}</FromUserName></a></xml>",
        "<xml><MsgType>text</MsgType><Content>hello</Content></xml>",
    ],
)
def test_other_events_are_taken_and_mean_nothing(event: str) -> None:
    assert posted(event) == TAKEN


def test_wechat_is_answered_with_what_it_asks_for() -> None:
    reader = ReceiptReader(APPID, TOKEN)
    assert reader.answer(ReceiptRequest("GET", query(echostr="5838479218127813673"))).body == "5838479218127813673"
    refused = reader.answer(ReceiptRequest("GET", query(echostr="1", signature="0")))
    assert (refused.body, refused.status) == ("", 403)


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": ""},
        {"signature": signed(token="another")},
        {"nonce": "m"},
        {"timestamp": "1"},
        {"nonce": "\ud800"},
    ],
)
def test_who_does_not_know_the_token_is_not_believed(changes: dict[str, str]) -> None:
    answer = posted(FINISHED % "success", None, **changes)
    assert (answer.status, answer.receipts) == (403, ())
    assert answer.refusal == "the signature is not one made with wx_callback_token"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("", "no XML"),
        ("{}", "no XML"),
        ("<xml>", "no XML"),
        (b"<xml>\xff</xml>", "no XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><xml><Event>&a;</Event></xml>', "document type"),
        ("<xml>" + MOST_BYTES * "x" + "</xml>", "too long"),
        ("<xml><Encrypt>AAAA</Encrypt></xml>", "wx_encoding_aes_key is needed"),
    ],
)
def test_what_is_no_event_is_refused(body: str | bytes, refusal: str) -> None:
    answer = posted(body)
    assert (answer.status, answer.receipts) == (403, ())
    assert refusal in answer.refusal


def test_an_event_that_is_plain_or_signed_by_others_is_not_believed_where_events_are_encrypted() -> None:
    reader = ReceiptReader(APPID, TOKEN, AES_KEY)
    body, _ = encrypted(FINISHED % "success")
    assert "is not encrypted" in posted(FINISHED % "success", reader).refusal
    assert "signature" in posted(body, reader, msg_signature=signed()).refusal


@pytest.mark.parametrize("changes", [{"appid": "wx2"}, {"key": 43 * "l"}])
def test_an_event_of_another_account_or_key_is_not_believed(changes: dict[str, str]) -> None:
    answer = secure(FINISHED % "success", **changes)
    assert (answer.status, answer.receipts) == (403, ())
    assert "not for this account" in answer.refusal


@pytest.mark.parametrize("noise", ["", "=", "AAAA", 24 * "A", "§"])
def test_what_cannot_be_decrypted_is_refused(noise: str) -> None:
    body = f"<xml><Encrypt>{noise}</Encrypt></xml>"
    answer = posted(body, ReceiptReader(APPID, TOKEN, AES_KEY), msg_signature=signed(noise))
    assert (answer.status, answer.receipts) == (403, ())


def test_an_event_in_both_forms_is_read_with_the_key() -> None:
    body, signature = encrypted(FINISHED % "success")
    both = body.replace("<xml>", "<xml><Event>TEMPLATESENDJOBFINISH</Event><MsgID>7</MsgID>")
    answer = posted(both, ReceiptReader(APPID, TOKEN, AES_KEY), msg_signature=signature)
    assert [receipt.msgid for receipt in answer.receipts] == [MSGID]


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ({"wx_encoding_aes_key": AES_KEY}, "needs wx_callback_token"),
        ({"wx_callback_token": TOKEN, "wx_encoding_aes_key": "short"}, "43 letters and digits"),
        ({"wx_callback_token": TOKEN}, ""),
        ({"wx_callback_token": TOKEN, "wx_encoding_aes_key": AES_KEY}, ""),
    ],
)
def test_a_key_that_cannot_be_one_is_a_mistake(keys: dict[str, str], mistake: str) -> None:
    config = OfficialAccountConfig.model_validate({**ACCOUNT, **keys})
    if not mistake:
        return config.require_official_account()
    with pytest.raises(ValueError, match=mistake):
        config.require_official_account()
