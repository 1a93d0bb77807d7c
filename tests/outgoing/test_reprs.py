"""The forms in which a debugger or a traceback prints what carries a secret, a token or a message."""

import ssl
from collections.abc import AsyncIterator
from typing import Any

from multidict import CIMultiDict

from esb.channels.mail.mime import Attachment, Composed, Mail
from esb.channels.message import OutboundMessage
from esb.channels.verdict import JudgedAnswer, Meaning, Verdict
from esb.channels.wechat.wecom_app import WeCom
from esb.core.events import Observer
from esb.delivery.content import DeliveryContent
from esb.delivery.sync_rows import EndedCall
from esb.outgoing.client import Stream, Tls
from esb.outgoing.engine import Answer, Request, RequestKind
from esb.outgoing.engines.tunnel import Tunnel
from esb.outgoing.tokens.cache import Entry
from esb.outgoing.tokens.key import Token, TokenKey
from esb.outgoing.tokens.shared import SharedToken, SharedTokens
from esb.plugins.http.upstream_request import UpstreamRequest
from esb.store.memory import MemoryStore
from esb.store.protocol import Kept, Swapped
from tests.support.clock import Clock
from tests.support.process_services import make_process_services

MARK = "NOBODY-MAY-SEE-THIS"
RAW = MARK.encode()
HEADERS = {"X-A": MARK}


async def chunks() -> AsyncIterator[bytes]:
    yield RAW


def no_tunnel() -> Tunnel:
    raise AssertionError("a stream that is printed is no tunnel")


def all_that_carries_it(clock: Clock) -> dict[str, Any]:
    mailbox: Any = "a@example.com"
    verdict = Verdict(0, "ok", "ok", Meaning("ok", "fine").hint())
    services = make_process_services(clock)
    shared = SharedTokens(MemoryStore(clock, 10), clock, Observer())
    content = DeliveryContent(
        "1", "POST", "/", "c", {}, {"a": MARK}, {"a": MARK}, False, None, False, "127.0.0.1", None, None
    )
    return {
        "token": Token(MARK, 7200),
        "shared token": SharedToken(MARK, 1.0, 1.0, 1.0),
        "entry": Entry(MARK, 0.0, 1.0, 1.0, shared, "1"),
        "key": TokenKey("qy", "ww1", MARK),
        "kept": Swapped(True, Kept(RAW, 1.0, "1")),
        "request": Request("GET", f"http://h/?a={MARK}", HEADERS, RAW, 5.0, guarded=False),
        "request kind": RequestKind("GET", f"http://h/?a={MARK}", guarded=False, proxy=f"http://u:{MARK}@p"),
        "answer": Answer(200, CIMultiDict(HEADERS), RAW),
        "stream": Stream(200, CIMultiDict(HEADERS), chunks(), no_tunnel),
        "upstream request": UpstreamRequest("GET", f"/?a={MARK}", HEADERS, RAW),
        "message": OutboundMessage(("a",), "/send", [{"text": MARK}], {"more": MARK}),
        "judged answer": JudgedAnswer(verdict, {"access_token": MARK}),
        "attachment": Attachment("a.txt", RAW, "text/plain"),
        "mail": Mail(mailbox, (mailbox,), (), "title", MARK),
        "composed": Composed("<id>", RAW),
        "ended call": EndedCall("a", "u", "c", "1", False, 0, [("c", MARK)], LookupError(MARK), True, content, 0, 1),
        "content of a delivery": content,
        "account": WeCom(services, host="https://h", account="ww1", secret=MARK, proxy=f"http://u:{MARK}@p"),
    }


def test_nothing_prints_what_it_carries(clock: Clock) -> None:
    for name, carrier in all_that_carries_it(clock).items():
        assert MARK not in f"{carrier!r} {carrier}", name


def test_tls_prints_its_files_and_no_context() -> None:
    context = ssl.create_default_context()
    assert repr(Tls(context, "ca.pem")) == "Tls(ca='ca.pem', cert=None, key=None, server_name=None)"
