"""Complexity: four times of what a caller or an upstream may choose takes less than eight times as long.

Everything that reads, cuts, puts together or writes such a thing has a row. Time is the processor's, of this thread.
"""

import asyncio
import gzip
import io
import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from multidict import CIMultiDict

from esb.channels.base64_param import plain_text
from esb.channels.mail.address import Mailbox
from esb.channels.mail.html_text import text_of
from esb.channels.mail.mime import Attachment, Mail, compose
from esb.channels.mail.recipients import Mailboxes, mail_audience
from esb.channels.outcome import DeliveryOutcome
from esb.channels.pagination import markdown_pages, pages
from esb.channels.recipients import Audience, addressed, by_address, looked_up, united
from esb.channels.tencent import phone
from esb.channels.wechat import template_fields
from esb.contracts.services import Contact
from esb.core import json_bounds, json_codec
from esb.core.call import Signed
from esb.core.errors import EsbError, UpstreamError
from esb.core.events import CallFinished
from esb.core.limits import Limits
from esb.core.params import Label, Params, Receivers
from esb.core.redaction import redacted
from esb.incoming import credentials, signature
from esb.incoming.body import from_body, from_query
from esb.incoming.decompression import decompressed
from esb.incoming.routing import Route, Routes
from esb.incoming.trusted_proxies import client_ip
from esb.middlewares._globs import matches
from esb.outgoing.engines.connection import unpacked
from esb.plugins.http.path_template import PathTemplate
from esb.telemetry import logs
from tests.support.calls import make_call
from tests.support.configuration import DEMO
from tests.support.costs import TRIES, seconds
from tests.support.hostile_bodies import CASES, PACKED, Body

LEAST = 0.02
"""Seconds; less is nothing that anybody waits for."""
Work = Callable[[int], Callable[[], object]]
"""Function that prepares work on so many units."""


class Named(Params):
    """Parameters with receivers."""

    receiver: Receivers = ()


def unlimited(value: Any) -> Any:
    return Named.model_validate({"receiver": value}, context={"receivers": 10**9})


class Mailed(Params):
    """Parameters with mail addresses."""

    receiver: Mailboxes = ()


def unlimited_mail(value: Any) -> Any:
    return Mailed.model_validate({"receiver": value}, context={"receivers": 10**9})


def unlimited_body(body: bytes) -> Any:
    return from_body(body, "", Limits(json_nodes=10**9, nesting=1000))


def on(function: Callable[[Any], object], make: Callable[[int], Any]) -> Work:
    """Work of a function on what `make` makes of so many units; its refusals are work as well."""

    def prepare(number: int) -> Callable[[], object]:
        made = make(number)

        def work() -> None:
            with suppress(EsbError, ValueError, json_codec.NestedTooDeep):
                function(made)

        return work

    return prepare


def names(number: int) -> list[str]:
    return [f"user{each}" for each in range(number)]


def text(unit: str) -> Callable[[int], str]:
    return lambda number: unit * (number // 2 // len(unit))


async def drained(body: bytes) -> None:
    async def chunks() -> Any:
        yield body

    async for _ in decompressed(chunks(), "gzip"):
        pass


class Directory:
    """A directory in which everybody has the same address."""

    async def contacts(self, call: Any, usernames: Any) -> Mapping[str, Contact]:
        return {name: Contact(name, addresses={"wx_userid": "one"}) for name in usernames[::2]}


async def the_audience(names: list[str]) -> Audience:
    return await looked_up(Directory(), make_call(), names, lambda each: each.addresses["wx_userid"])


async def nothing(call: Any) -> None:
    """Answer nothing."""


def routed(number: int) -> Callable[[], object]:
    route = Route("/a/{b}/{c}/", "a.c", frozenset({"GET"}), True, 1.0, 1, 1, nothing, nothing)
    routes = Routes([(route, ["/a/{b}/{c}/", "/a/{b}/x/{c}/y/"])])
    path = "/a/" + "b/" * number
    return lambda: routes.find(path, "GET")


def log_line(number: int) -> Callable[[], object]:
    told = logs.listener({"ESB_LOG": "text"}, io.StringIO())
    event = CallFinished(
        "i", "GET\x1b" * number, "/", "s", "c", "a", "u\x00" * number, "", 0, 200, 0.1, "é" * number, ""
    )
    return lambda: told(event)


def mail(number: int, **parts: Any) -> Mail:
    whole: dict[str, Any] = {"receivers": (Mailbox("a@example.com"),), "title": "T", "content": "C", **parts}
    return Mail(Mailbox("esb@example.com"), copies=(), **whole)


def outcomes(number: int) -> list[DeliveryOutcome]:
    error = UpstreamError("a", "b", "away")
    stopped = [DeliveryOutcome.stopped((name,), error) for name in names(number)]
    return [*stopped, *(DeliveryOutcome(accepted=(name,)) for name in names(number))]


def joined_report(number: int) -> Callable[[], object]:
    audience = Audience(by_address((f"a{each % 100}", f"n{each}") for each in range(number)), (*names(number),))

    def work() -> None:
        audience.report(audience.addresses, unknown=audience.addresses)
        str(audience.complaint())

    return work


def signed(query: str) -> None:
    found = from_query(query)
    signature.verify(Signed("GET", "/", found, b""), [b"secret"])


WORK: dict[str, Work] = {
    "JSON of an upstream, control characters": on(json_codec.decode_lenient, lambda n: b'{"a":"' + b"\x01" * n + b'"}'),
    "JSON of an upstream, lone surrogates": on(
        json_codec.decode_lenient, lambda n: b'{"a":"' + b"\\ud800" * (n // 6) + b'"}'
    ),
    "JSON of an upstream, lists": on(
        json_codec.decode_lenient, lambda n: b"[" * 500 + b"[]," * n + b"\x01" + b"]" * 500
    ),
    "JSON of an upstream, no UTF-8": on(json_codec.decode_lenient, lambda n: b'{"a":"' + b"\xff" * n + b'"}'),
    "JSON by the standard library": on(json_codec.decode_plain, lambda n: b"[" + b'{"a":1.5},' * (n // 10) + b"1]"),
    "JSON written by the standard library": on(
        json_codec.encode_plain, lambda n: [{"a": [1.5, "x"]} for _ in range(n // 10)]
    ),
    "bounds of JSON, brackets": on(lambda raw: json_bounds.exceeded(raw, 10**9, 10**9), lambda n: b"[{" * n + b'"'),
    "bounds of JSON, escapes": on(lambda raw: json_bounds.exceeded(raw, 10, 10), lambda n: b'{"' + b"\\," * n),
    "half surrogate pairs": on(unlimited_body, lambda n: b'{"a":"' + b"\\ud83d" * (n // 6) + b'"}'),
    "JSON in GBK": on(unlimited_body, lambda n: b'{"a":"' + b"\xd6\xd0" * (n // 2) + b'"}'),
    "a list in JSON": on(unlimited_body, lambda n: b"[" + b"[]," * (n // 3) + b"0]"),
    "a form, repeated names": on(
        lambda raw: from_body(raw, "application/x-www-form-urlencoded"), lambda n: b"a=1&" * n
    ),
    "members of gzip": on(
        lambda raw: asyncio.run(drained(raw)), lambda n: gzip.compress(b"a" * 40, mtime=0) * (n // 1000)
    ),
    "members of gzip of an upstream": on(
        lambda raw: unpacked(raw, b"gzip"), lambda n: gzip.compress(b"a" * 40, mtime=0) * (n // 1000)
    ),
    "one member of an upstream": on(
        lambda raw: unpacked(raw, b"gzip"), lambda n: gzip.compress(bytes(20 * n), mtime=0)
    ),
    "base64": on(lambda raw: plain_text(raw, True, Label("x")), lambda n: "QUFB\n" * (n // 5)),
    "base64 that is none": on(lambda raw: plain_text(raw, True, Label("x")), lambda n: "=" * n),
    "receivers in a list": on(unlimited, lambda n: names(n // 10)),
    "receivers with commas": on(unlimited, lambda n: ",".join(names(n // 10))),
    "receivers in JSON": on(unlimited, lambda n: json.dumps(names(n // 10))),
    "receivers, separators": on(unlimited, lambda n: ", ;\n" * n),
    "receivers, brackets": on(unlimited, lambda n: "[" + "," * n),
    "mail addresses with blanks": on(unlimited_mail, lambda n: " ".join(f"{x}@b.cn" for x in names(n // 100))),
    "mail addresses with names": on(unlimited_mail, lambda n: ",".join(f"N {x} <{x}@b.cn>" for x in names(n // 100))),
    "mail addresses, quotes": on(unlimited_mail, lambda n: '"\\",' * n),
    "mail addresses, Chinese marks": on(unlimited_mail, lambda n: "，；、" * n),
    "an audience": on(addressed, lambda n: names(n // 10)),
    "an audience by one address": on(
        lambda pairs: by_address(pairs), lambda n: [("one", name) for name in names(n // 100)]
    ),
    "an audience looked up": on(
        lambda found: asyncio.run(the_audience(found)),
        lambda n: names(n // 100),
    ),
    "two audiences": on(lambda both: united(*both), lambda n: (addressed(names(n // 10)), addressed(names(n // 5)))),
    "the report of an audience": lambda n: joined_report(n // 10),
    "an audience of a mail": on(mail_audience, lambda n: [f"{name}@example.com" for name in names(n // 100)]),
    "a mail to what is no address": on(mail_audience, lambda n: [name + " x" * 200 for name in names(n // 1000)]),
    "phone numbers": on(
        lambda all_of: [phone.typed(each) for each in all_of], lambda n: ["+86" + "1" * 200] * (n // 100)
    ),
    "one phone number": on(phone.typed, lambda n: "+" + "1-" * n),
    "outcomes": on(DeliveryOutcome.joined, lambda n: outcomes(n // 1000)),
    **{
        f"pages of {unit!r}": on(lambda whole: pages(whole, 2048, most=10**9), text(unit))
        for unit in ("a", "a ", "a\n", " ", "<a>", "<", "http://a/", "中", "\u0301", "👨‍👩‍👧", "&amp;", "\r\n")
    },
    **{
        f"pages of markdown {unit!r}": on(lambda whole: markdown_pages(whole, 2048, most=10**9), text(unit))
        for unit in ("a", "**a\n", "```\n", "[a](b)", "[", "<font color=", "> a\n", "`", "*", "中\n")
    },
    "a template's fields": on(
        template_fields.check, lambda n: {"time1": ("t", "1" * n), "a": ("a", "1\n" * n), "thing2": ("x", "x")}
    ),
    **{
        f"Html of {unit!r}": on(text_of, text(unit))
        for unit in ("a", "<", "<a href=", "<a href='x'>b", "<script>", "<!--", "&amp;", "<b ", "</a>", "<p>\n", "&#")
    },
    "a mail of one line": on(compose, lambda n: mail(n, content="a" * n)),
    "a mail of lines": on(compose, lambda n: mail(n, content="中=\n" * (n // 4))),
    "a mail to many": on(
        compose, lambda n: mail(n, receivers=tuple(Mailbox(f"{x}@b.cn", "中") for x in names(n // 500)))
    ),
    "a mail's attachments": on(
        compose, lambda n: mail(n, attachments=(Attachment("f", b"x", "text/plain", False),) * (n // 5000))
    ),
    "redaction": on(lambda said: redacted(said, ["a+b/c d&é", "short", "a" * 40]), lambda n: "a" * n + "short" * n),
    "redaction of a short one": on(lambda said: redacted(said, ["a1"]), lambda n: "a1a" * n),
    "log lines": lambda n: log_line(n // 10),
    "routes": lambda n: routed(n),
    "globs": on(lambda name: matches(name, ["*a*b*c", "a*a*a*a*b"]), lambda n: "a" * n),
    "a path of an upstream": on(
        lambda value: PathTemplate("/x/{a}").fill({}, {"a": value}), lambda n: "a." * (n // 10)
    ),
    "hops of a proxy": on(
        lambda headers: client_ip("127.0.0.1", headers, ()), lambda n: CIMultiDict({"X-Forwarded-For": "::1," * n})
    ),
    "credentials in a header": on(credentials.claims_of, lambda n: json.dumps({**DEMO, "x": names(n // 10)})),
    "cookies": on(
        lambda cookie: credentials.split({}, None, cookie, "", None),
        lambda n: "; ".join(f"{x}=1" for x in names(n // 10)),
    ),
    "a signed query": on(signed, lambda n: "bk_signature=x&a=" + "%41" * (n // 3)),
}
UNITS = 100_000
CASES_OF_WORK = [pytest.param(work, id=name) for name, work in WORK.items()]


@pytest.mark.parametrize("prepare", CASES_OF_WORK)
def test_four_times_as_much_takes_about_four_times_as_long(prepare: Work) -> None:
    assert ratio_holds(prepare, UNITS)


@pytest.mark.parametrize(("make", "content_type"), CASES)
def test_so_does_four_times_the_body(make: Body, content_type: str) -> None:
    assert ratio_holds(on(lambda body: from_body(body, content_type), make), 2_500_000)


@pytest.mark.parametrize(("make", "encoding"), PACKED.values(), ids=PACKED)
def test_so_does_four_times_the_packed_body(make: Body, encoding: str) -> None:
    assert ratio_holds(on(lambda body: asyncio.run(drained(body)), make), 2_500_000)


def ratio_holds(prepare: Work, units: int) -> bool:
    """Return True if four times as many units take less than eight times as long.

    What is linear takes four times as long, what is quadratic sixteen times: the bound is as far from either. Linear
    work takes eight times as long too where the smaller one just fits into the processor's cache, and the larger one
    does not; so it is asked again four times as large, where neither does. What is quadratic is so at every size.
    """
    return any(_ratio_holds_at(prepare, least) for least in (units // 2, 2 * units))


def _ratio_holds_at(prepare: Work, units: int) -> bool:
    small, large = prepare(units), prepare(4 * units)
    return any(seconds(large, 2) < max(8 * seconds(small, 3), LEAST) for _ in range(TRIES))


def test_what_is_quadratic_is_noticed() -> None:
    def pairs(whole: list[int]) -> int:
        return sum(1 for one in whole for other in whole if one < other)

    assert not ratio_holds(on(pairs, lambda n: random.Random(1).sample(range(n), n)), 550)
