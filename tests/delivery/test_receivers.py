"""The receivers of a delivery, as its rehearsal found them."""

from esb.channels.recipients import Audience, Rehearsal
from esb.core.errors import Message
from esb.database.keys import DatabaseKeys
from esb.delivery.receivers import Receiver, found_in, sealed, unsealed
from tests.support.servers.databases import KEY


def rehearsed(component: str, audience: Audience) -> tuple[str, Rehearsal]:
    return component, Rehearsal(audience, ())


def test_each_name_at_each_address_is_a_receiver() -> None:
    audience = Audience({"a1": ("anna", "a1"), "b1": ("bert",)}, given=["a1"])
    assert found_in("x.y", [rehearsed("x.y", audience)]) == [
        Receiver("x.y", "anna", "a1", looked_up=True),
        Receiver("x.y", "a1", "a1", looked_up=False),
        Receiver("x.y", "bert", "b1", looked_up=True),
    ]


def test_who_cannot_be_addressed_is_one_without_an_address() -> None:
    [receiver] = found_in("x.y", [rehearsed("x.y", Audience({}, unknown_users=("nobody",)))])
    assert receiver == Receiver("x.y", "nobody", "", looked_up=False, errmsg=Message("not a blueking user"))


def test_the_components_that_a_call_calls_have_receivers_each_of_their_own() -> None:
    audience = Audience({"a1": ("anna",)})
    found = found_in(
        "x.all", [rehearsed("x.mail", audience), rehearsed("x.sms", audience), rehearsed("x.sms", audience)]
    )
    assert [(receiver.component, receiver.name) for receiver in found] == [("x.mail", "anna"), ("x.sms", "anna")]


def test_a_component_that_names_nobody_has_one_receiver_without_a_name() -> None:
    assert found_in("x.y", []) == found_in("x.y", [("x.y", {"plain": 1})]) == [Receiver("x.y", "", "", looked_up=False)]


def test_they_are_kept_as_one_text_of_their_delivery() -> None:
    reason = Message("at {place}: {why}", {"place": 1, "why": Message("gone")})
    receivers = [
        Receiver("x.y", "文", "a1", looked_up=True),
        Receiver("x.y", "b", "", looked_up=False, errmsg=reason),
        Receiver("x.y", "c", "c", looked_up=False, errmsg="no: {braces}"),
    ]
    keys = DatabaseKeys([KEY], b"digest")
    kept = sealed(keys, "one", receivers)
    assert unsealed(keys, "one", kept) == receivers
    assert unsealed(keys, "another", kept) is None
