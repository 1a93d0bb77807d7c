"""Credentials split from arguments."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from esb.core.call import Credentials, Signed
from esb.core.credential_names import CLAIMS, CREDENTIALS, SECRETS, SECRETS_BESIDE_A_HEADER
from esb.core.errors import RequestError
from esb.incoming.body import Fields, from_body, from_query
from esb.incoming.credentials import claims_of, is_signed, split
from tests.support.gateway import Gateway

SIGNED = Signed("POST", "/", {}, b"")


def separated(parameters: dict[str, Any], authorization: str | None = None) -> tuple[Credentials, Mapping[str, Any]]:
    return split(parameters, None if authorization is None else claims_of(authorization), "", "", SIGNED)


def test_parameters_are_credentials_when_there_is_no_header() -> None:
    credentials, _ = separated({"bk_app_code": "a", "app_secret": "s", "username": "u", "access_token": "t", "x": "y"})
    assert not credentials.from_header
    assert {name: value for name, value in credentials.claims.items() if value} == {
        "bk_app_code": "a",
        "app_secret": "s",
        "username": "u",
    }


@pytest.mark.parametrize("header", ["{}", '{"bk_app_code": "h", "access_token": "t", "colour": "red"}'])
def test_a_header_stands_alone(header: str) -> None:
    credentials, _ = separated({"bk_app_code": "a", "bk_app_secret": "s", "bk_username": "u"}, header)
    assert credentials.from_header
    assert "bk_app_secret" not in credentials.claims
    assert credentials.claims.get("bk_app_code") in {"h", None}


def test_what_a_header_claims_is_shared_by_calls_and_changed_by_none() -> None:
    for header in ('{"bk_app_code": "a"}', '{"bk_app_code": 1}'):
        claims = claims_of(header)
        with pytest.raises(TypeError):
            claims["bk_username"] = "admin"  # type: ignore[index]  # what a careless middleware would do


def test_a_header_that_says_null_is_absent() -> None:
    credentials, _ = separated({"bk_app_code": "a"}, "null")
    assert not credentials.from_header
    assert credentials.claims["bk_app_code"] == "a"


@pytest.mark.parametrize("header", ["", "{", "[]", '"a"', "0", "false", "a=1", "\udcff", "[" * 5000, '{"a": NaN}'])
def test_a_header_that_is_no_json_object_is_refused(header: str) -> None:
    with pytest.raises(RequestError, match="X-Bkapi-Authorization is not a valid JSON format string"):
        separated({}, header)


@pytest.mark.parametrize(
    ("value", "claim"),
    [
        ("text", "text"),
        ("", ""),
        (42, "42"),
        (4.5, "4.5"),
        (0, "0"),
        (True, ""),
        (None, ""),
        (["a"], ""),
        ({"a": 1}, ""),
    ],
)
def test_a_claim_is_text_or_a_number(value: Any, claim: str) -> None:
    assert separated({"bk_app_code": value})[0].claims["bk_app_code"] == claim


def test_no_secret_is_an_argument() -> None:
    parameters = {**dict.fromkeys(SECRETS, "secret"), "bk_app_code": "a", "bk_username": "u", "receiver": "r"}
    _, args = separated(parameters)
    assert args == {"bk_app_code": "a", "bk_username": "u", "receiver": "r"}
    assert {name for name in CLAIMS if "secret" in name or "token" in name} <= SECRETS


def test_beside_a_header_only_what_is_secret_is_no_argument() -> None:
    parameters = {**dict.fromkeys(CREDENTIALS, "given"), "receiver": "r"}
    _, args = separated(parameters, '{"bk_app_code": "a"}')
    assert args == dict.fromkeys(
        ("app_code", "bk_app_code", "bk_username", "username", "signature", "access_token"), "given"
    ) | {"receiver": "r"}
    _, args = split(parameters, None, "", "a.b.c", None)
    assert "signature" in args


def test_what_a_signed_body_does_not_name_stands_in_the_signed_query() -> None:
    query = {"bk_app_code": "of the query", "bk_username": "of the query", "bk_signature": "s"}
    credentials, _ = split({"bk_username": "of the body"}, None, "", "", Signed("POST", "/", query, b""))
    assert credentials.claims == {"bk_app_code": "of the query", "bk_username": "of the body"}


@pytest.mark.parametrize(
    ("query", "header", "jwt", "signed"),
    [
        ({}, None, "", False),
        ({"bk_signature": "s"}, None, "", True),
        ({"signature": "s"}, None, "", True),
        ({"signature": "s"}, {}, "", False),
        ({"bk_signature": ""}, {}, "", False),
        ({"bk_signature": "s"}, {"access_token": "t"}, "", False),
        ({"bk_signature": "s"}, {"bk_app_code": "a"}, "a.b.c", False),
        ({"bk_signature": "s"}, None, "a.b.c", False),
    ],
)
def test_a_signature_says_who_calls_unless_a_token_does(
    query: dict[str, str], header: dict[str, str] | None, jwt: str, *, signed: bool
) -> None:
    assert is_signed(from_query(urlencode(query)), header, jwt) == signed


@pytest.mark.parametrize("header", [{}, {"bk_app_code": "a", "bk_app_secret": "s"}, {"access_token": ""}])
def test_a_signature_and_a_header_do_not_both_say_who_calls(header: dict[str, str]) -> None:
    with pytest.raises(RequestError, match="does not cover the request header X-Bkapi-Authorization"):
        is_signed(from_query("bk_signature=s"), header, "")


MULTIPART = "".join(f'--bk\r\nContent-Disposition: form-data; name="bk_username"\r\n\r\n{who}\r\n' for who in "ab")


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
def test_a_credential_is_given_once(name: str) -> None:
    repeated = [
        from_query(f"{name}=a&x=1&{name}=a"),
        from_query(f"{name}=a&%{ord(name[0]):x}{name[1:]}="),
        from_body(f"{name}=a&{name}=b".encode(), "application/x-www-form-urlencoded"),
        from_body(MULTIPART.replace("bk_username", name).encode() + b"--bk--", "multipart/form-data; boundary=bk"),
    ]
    once = rf"the parameter \[{name}\] may be given once only"
    for fields in repeated:
        assert isinstance(fields, Fields)
        with pytest.raises(RequestError, match=once):
            split(fields, None, "", "", None)
        with pytest.raises(RequestError, match=once):
            is_signed(fields, None, "")
        for claims, jwt in (({}, ""), (None, "a.b.c")):
            if name in SECRETS_BESIDE_A_HEADER:
                with pytest.raises(RequestError, match=once):
                    split(fields, claims, "", jwt, None)
                with pytest.raises(RequestError, match=once):
                    is_signed(fields, claims, jwt)
            else:
                split(fields, claims, "", jwt, None)
                assert not is_signed(fields, claims, jwt)


def test_any_other_parameter_may_be_repeated_unless_it_is_signed() -> None:
    assert split(from_query("b=1&b=2&c=3"), None, "", "", None)[1] == {"b": "2", "c": "3"}
    assert not is_signed(from_query("b=1&b=2&c=3"), None, "")
    with pytest.raises(RequestError, match=r"the parameter \[b\] may be given once only"):
        is_signed(from_query("b=1&b=2&bk_signature=s"), None, "")


def test_parameters_are_not_changed() -> None:
    parameters = {"bk_app_secret": "s"}
    separated(parameters)
    assert parameters == {"bk_app_secret": "s"}


def test_the_access_token_of_the_old_esb_is_seen_with_and_without_a_header() -> None:
    assert separated({"bk_access_token": "t"})[0].parameter_access_token == "t"
    assert separated({"bk_access_token": "t"}, "{}")[0].parameter_access_token == "t"


def test_credentials_are_never_printed() -> None:
    credentials, _ = split({"bk_app_secret": "hunter2"}, None, "bk_token=hunter3", "hunter4", SIGNED)
    assert "hunter" not in f"{credentials} {credentials!r} {[credentials]}"


async def test_a_call_that_names_its_app_twice_is_refused(gateway: Gateway) -> None:
    path = "/api/c/compapi/cmsi/send_weixin/"
    form = "bk_app_code=other&bk_app_code=esb_demo&bk_app_secret=demo-secret&bk_username=admin"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for answer in (
        await gateway.request("POST", path, data=form, headers=kind),
        await gateway.request("POST", f"{path}?{form}", json={"receiver": "zhangsan"}),
    ):
        envelope = await answer.json()
        assert envelope["code"] == 1306406
        assert envelope["message"] == "Parameters error, the parameter [bk_app_code] may be given once only"
