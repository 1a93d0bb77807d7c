"""The request that an upstream sees: when a body goes on as it came, and how parameters are written."""

from typing import Any

import pytest

from esb.core.call import Call, Credentials, Signed, User
from esb.plugins.http.config import HttpConfig
from esb.plugins.http.upstream_request import RequestBuilder, UpstreamRequest
from tests.support.calls import make_call

RAW = b'{ "a": 1 }'
SIGNED = Signed("POST", "/", {}, RAW)


async def built(call: Call, **config: Any) -> UpstreamRequest:
    settings = {"hosts": ("http://a.example",), "path": "/b/", **config}
    return await RequestBuilder(HttpConfig.model_validate(settings), lambda call: {"Bk-Username": "admin"}).build(call)


@pytest.mark.parametrize(
    ("credentials", "whole"),
    [
        (Credentials({}, True, None), True),
        (Credentials({}, False, SIGNED), True),
        (Credentials({}, False, None), False),
    ],
    ids=["by header", "by signature", "in the body"],
)
async def test_a_body_goes_on_as_it_came_only_if_it_holds_no_credentials(credentials: Credentials, whole: bool) -> None:
    call = make_call(credentials=credentials, body=RAW, args={"a": 1})
    assert (await built(call, response="raw")).body == (RAW if whole else b'{"a":1}')
    assert (await built(call)).body == b'{"a":1}'


async def test_a_query_that_goes_on_as_it_came_has_no_body_beside_it() -> None:
    call = make_call(method="GET", query="b=2&a=1&b=", args={"a": "1", "b": ["2", ""]})
    request = await built(call, response="raw", defaults={"a": 7, "c": 8}, params={"d": 9})
    assert (request.place, request.body) == ("/b/?b=2&a=1&b=&c=8&d=9", None)


@pytest.mark.parametrize(("user", "sent"), [(User("admin", False), b'{"who":"admin"}'), (None, b"{}")])
async def test_the_name_of_the_user_goes_where_it_is_wanted(user: User | None, sent: bytes) -> None:
    assert (await built(make_call(args={"who": "x"}, user=user), username_param="who")).body == sent


async def test_what_describes_a_body_does_not_go_on_without_one() -> None:
    headers = (("Content-Type", "a/b"), ("X-Other", "c"))
    call = make_call(method="GET", query="a=1", credentials=Credentials({}, True, None), all_headers=headers)
    assert dict((await built(call, response="raw")).headers) == {"X-Other": "c", "Bk-Username": "admin"}


async def test_parameters_are_written_as_a_form_has_them() -> None:
    args = {"yes": True, "no": False, "none": None, "list": [1, "b", None], "object": {"c": [1]}, "number": 1.5}
    request = await built(make_call(method="GET", args=args))
    assert request.place == "/b/?yes=true&no=false&list=1&list=b&object=%7B%22c%22%3A%5B1%5D%7D&number=1.5"
    assert (request.method, request.body) == ("GET", None)


@pytest.mark.parametrize("method", ["post", "POST"])
async def test_the_method_of_the_upstream_may_be_written_small(method: str) -> None:
    request = await built(make_call(method="GET", args={"a": 1}), method=method)
    assert (request.method, request.body, request.headers["Content-Type"]) == ("POST", b'{"a":1}', "application/json")
    assert request.headers["Bk-Username"] == "admin"


async def test_what_held_for_a_packed_body_does_not_go_on_with_it_unpacked() -> None:
    packed = ("Content-Encoding", "Content-Length", "Content-MD5", "Digest", "Content-Digest")
    headers = (*((name, "of the packed one") for name in packed), ("Content-Type", "a/b"), ("X-Other", "c"))
    call = make_call(credentials=Credentials({}, True, None), body=RAW, all_headers=headers)
    request = await built(call, response="raw")
    assert request.body == RAW
    assert dict(request.headers) == {"Content-Type": "a/b", "X-Other": "c", "Bk-Username": "admin"}


async def test_the_query_beside_a_body_stays_beside_it_repeated_names_and_all() -> None:
    request = await built(make_call(query="b=2&c=4&b=3", body=RAW, args={"a": 1}))
    assert (request.place, request.body) == ("/b/?b=2&b=3&c=4", b'{"a":1}')


async def test_the_query_of_a_call_for_the_head_goes_where_its_parameters_go_and_only_there() -> None:
    request = await built(make_call(method="HEAD", query="a=1", args={"a": "1"}), method="POST")
    assert (request.method, request.place, request.body) == ("POST", "/b/", b'{"a":"1"}')
