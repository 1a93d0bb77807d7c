"""Credentials split from arguments."""

from collections.abc import Mapping
from typing import Any

import pytest

from esb.core.call import Credentials, Signed
from esb.core.credential_names import CLAIMS, SECRETS
from esb.core.errors import RequestError
from esb.incoming.credentials import claims_of, split

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
