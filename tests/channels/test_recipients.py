"""The recipients of a message: names as the caller typed them, the addresses they lead to, and their faults."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from esb.channels.recipients import (
    Audience,
    Rehearsal,
    address_of,
    addressed,
    by_address,
    looked_up,
    require_somebody,
    united,
)
from esb.channels.wechat.wecom import members
from esb.contracts.services import Contact
from esb.core.call import Call
from esb.core.errors import EsbError, ParameterError, UpstreamError
from tests.support.calls import make_call

PEOPLE = {
    "admin": Contact("admin", "admin@example.com", addresses={"chat": "zhangsan", "mail": "zhang"}),
    "twin": Contact("twin", addresses={"chat": "zhangsan"}),
    "other": Contact("other", addresses={"chat": "ZhangSan"}),
    "lisi": Contact("lisi", addresses={"chat": "lisi"}),
    "without": Contact("without", addresses={"mail": "elsewhere"}),
}


class Directory:
    """A directory of people in a dictionary."""

    def __init__(self, error: EsbError | None = None) -> None:
        self._error = error

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        if self._error is not None:
            raise self._error
        return {name: PEOPLE[name] for name in usernames if name in PEOPLE}

    async def close(self) -> None: ...


async def look_up(*usernames: str, directory: Directory | None = None) -> Audience:
    return await looked_up(directory or Directory(), make_call(), usernames, address_of("chat"))


def complaint(audience: Audience) -> str:
    return str(audience.complaint())


def test_who_is_addressed_is_called_as_typed() -> None:
    audience = addressed(["zhangsan", "ZhangSan", "lisi"])
    assert audience.addresses == ("zhangsan", "ZhangSan", "lisi")
    assert audience.names(["lisi", "zhangsan"]) == ["lisi", "zhangsan"]
    assert (audience.complaint(), audience.missed(), audience.unknown_users) == (None, [], ())


async def test_user_names_lead_to_addresses_in_their_order() -> None:
    audience = await look_up("lisi", "admin")
    assert audience.addresses == ("lisi", "zhangsan")
    assert audience.names(["zhangsan", "lisi"]) == ["admin", "lisi"]


async def test_names_with_one_address_share_it() -> None:
    audience = await look_up("admin", "lisi", "twin")
    assert audience.addresses == ("zhangsan", "lisi")
    assert audience.names(audience.addresses) == ["admin", "twin", "lisi"]


async def test_names_that_lead_nowhere_are_sorted_by_why() -> None:
    audience = await look_up("nobody", "without", "admin", "phantom")
    assert audience.addresses == ("zhangsan",)
    assert complaint(audience) == (
        "The following users are not blueking users: nobody,phantom;"
        "The following users contact format are incorrect: without"
    )
    assert audience.report()["username_check"] == {"invalid": ["nobody", "phantom"]}
    assert [(entry["receiver"], entry["errcode"]) for entry in audience.missed()] == [
        ("nobody", None),
        ("phantom", None),
        ("without", None),
    ]
    require_somebody(audience)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["nobody"], "The following users are not blueking users: nobody"),
        (["without"], "The following users contact format are incorrect: without"),
        (["{name}", "%s"], "The following users are not blueking users: {name},%s"),
    ],
)
async def test_an_audience_of_nobody_is_refused(names: list[str], complaint: str) -> None:
    with pytest.raises(EsbError) as caught:
        require_somebody(await look_up(*names))
    assert str(caught.value) == f"All users message failed to be sent. {complaint}"
    assert [entry["receiver"] for entry in caught.value.data["failed"]] == names
    assert (caught.value.data["accepted"], caught.value.data["unknown"], caught.value.data["msgids"]) == ([], [], [])


async def test_a_directory_that_fails_fails_the_call() -> None:
    with pytest.raises(UpstreamError):
        await look_up("admin", directory=Directory(UpstreamError("BK_USER", "profiles", "down")))


def test_a_stranger_is_called_by_its_address() -> None:
    assert addressed(["lisi"]).names(["lisi", "somebody"]) == ["lisi", "somebody"]


def test_the_data_of_a_delivery_has_all_its_parts() -> None:
    nobody: dict[str, Any] = {"username_check": {"invalid": []}}
    assert Audience({}).report() == nobody | {"accepted": [], "failed": [], "unknown": [], "msgids": []}
    assert Audience({}).report(("a",), [{"receiver": "b"}], ("c",), ("1",)) == nobody | {
        "accepted": ["a"],
        "failed": [{"receiver": "b"}],
        "unknown": ["c"],
        "msgids": ["1"],
    }


def test_a_dry_run_tells_what_would_be_sent_to_whom_and_its_warnings() -> None:
    audience = Audience({"z": ("admin", "root")}, unknown_users=("nobody",))
    messages = [(["z"], "/send", {"text": "a"})]
    warned = Rehearsal(audience, messages, [{"field": "message"}]).rendered()
    assert warned.pop("warnings") == [{"field": "message"}]
    assert warned == Rehearsal(audience, messages).rendered()
    assert (warned["dry_run"], warned["accepted"]) == (True, [])
    assert warned["messages"] == [{"receivers": ["admin", "root"], "endpoint": "/send", "body": {"text": "a"}}]
    assert [entry["receiver"] for entry in warned["failed"]] == ["nobody"]


def test_of_two_audiences_everybody_is_there_once() -> None:
    first = Audience({"a": ("admin",), "b": ("bob",)}, unknown_users=("x",), without_contact=("y",))
    second = Audience({"c": ("carl",), "a": ("root", "admin")}, unknown_users=("z", "x"), without_contact=("y", "w"))
    assert united(first, second) == Audience(
        {"a": ("admin", "root"), "b": ("bob",), "c": ("carl",)}, ("x", "z"), ("y", "w")
    )


def test_names_for_one_address_are_collected_each_once() -> None:
    pairs = [("a", "admin"), ("b", "bob"), ("a", "root"), ("a", "admin")]
    assert by_address(pairs) == {"a": ("admin", "root"), "b": ("bob",)}


# WeCom's members


@pytest.mark.parametrize(
    ("typed", "addresses", "names"),
    [
        (["a|b"], ("a", "b"), ["a", "b"]),
        (["a | b|", "|c"], ("a", "b", "c"), ["a", "b", "c"]),
        (["A", "a", "b|a"], ("A", "b"), ["A", "a", "b"]),
        (["|", "a"], ("a",), ["a"]),
    ],
)
def test_members_are_taken_apart_and_told_apart_without_regard_to_case(
    typed: list[str], addresses: tuple[str, ...], names: list[str]
) -> None:
    audience = members(addressed(typed), allow_all=False)
    assert audience.addresses == addresses
    assert audience.names(audience.addresses) == names


@pytest.mark.parametrize("typed", [["|"], [" | ", "||"]])
def test_separators_alone_are_nobody(typed: list[str]) -> None:
    with pytest.raises(ParameterError, match=r"wechat receiver \[receiver\] This field is required\."):
        members(addressed(typed), allow_all=False)


async def test_members_of_the_directory_are_called_by_their_user_names() -> None:
    audience = members(await look_up("admin", "other", "lisi", "nobody"), allow_all=False)
    assert audience.addresses == ("zhangsan", "lisi")
    assert audience.names(audience.addresses) == ["admin", "other", "lisi"]
    assert audience.unknown_users == ("nobody",)


@pytest.mark.parametrize("receiver", ["@all", "@ALL", "a|@All", " @all "])
def test_everybody_needs_permission(receiver: str) -> None:
    with pytest.raises(ParameterError, match="wx_qy_allow_all"):
        members(addressed(["lisi", receiver]), allow_all=False)
    allowed: Any = members(addressed(["lisi", receiver]), allow_all=True)
    assert allowed.addresses == ("@all",)
    assert "lisi" in allowed.names(["@all"])
