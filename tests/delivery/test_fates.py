"""The fates of receivers, by the reports of an attempt and the error that ended it."""

import pytest

from esb.channels.outcome import DeliveryOutcome, DeliveryReport, Failure, PlainWording
from esb.channels.recipients import addressed
from esb.core.call import RunReceiver
from esb.core.delivery_states import ReceiverState
from esb.core.errors import EsbError, Inactive, Limited, Message, PermissionDenied, Refused, UpstreamError
from esb.delivery.fates import ACCEPTED, HELD, UNKNOWN, Fate, fate_of, fates, is_crash, msgids_of

WORDING = PlainWording(lambda audience, outcome: Message("no"), "some")
SEND = "cmsi.send_weixin"


def report(**outcome: object) -> DeliveryReport:
    return DeliveryReport(addressed([]), DeliveryOutcome(**outcome), WORDING)  # type: ignore[arg-type]  # by test


def receivers(*addresses: str, component: str = SEND) -> dict[int, RunReceiver]:
    return {number: RunReceiver(component, f"user {each}", each, True, True) for number, each in enumerate(addresses)}


def test_every_receiver_has_the_fate_that_its_address_is_told_of() -> None:
    sent = report(
        accepted=("a", "b"),
        held=("b",),
        failed=(
            Failure("c", 45009, "too many", "quota", 30.0),
            Failure("d", 81013, "nobody", "receiver"),
            Failure("e", -1, "busy", "busy", pages=1, of=2),
            Failure("f", 12345, "strange", ""),
        ),
        unknown=("g",),
    )
    found = fates(receivers(*"abcdefg"), [(SEND, sent)], None, sent=True)
    assert found == {
        0: ACCEPTED,
        1: HELD,
        2: Fate(None, "quota", "45009", "too many", 30.0),
        3: Fate(ReceiverState.FAILED, "receiver", "81013", "nobody"),
        4: Fate(None, "busy", "-1", "busy", begun=True),
        5: Fate(ReceiverState.FAILED, "unknown", "12345", "strange"),
        6: UNKNOWN,
    }


def test_another_components_report_says_nothing_of_a_receiver() -> None:
    found = fates(receivers("a"), [("cmsi.send_mail", report(accepted=("a",)))], None, sent=True)
    assert found == {0: ACCEPTED}  # its component makes no report of its own, and has answered
    error = UpstreamError("s", "i", "no", sent=False, transient=True)
    found = fates(receivers("a"), [("cmsi.send_mail", report(accepted=("a",)))], error, sent=True)
    assert found[0].failure == "busy"


def test_of_two_messages_for_one_receiver_the_worse_fate_counts() -> None:
    good, bad = report(accepted=("a",)), report(unknown=("a",))
    failed = report(failed=(Failure("a", 1, "no", "message"),))
    assert fates(receivers("a"), [(SEND, good), (SEND, bad), (SEND, failed)], None, sent=True) == {0: UNKNOWN}
    assert fates(receivers("a"), [(SEND, failed), (SEND, good)], None, sent=True)[0].state is ReceiverState.FAILED


def test_who_is_reached_at_another_address_is_reached() -> None:
    known = {number: RunReceiver(SEND, "lisi", each, True, True) for number, each in enumerate("ab")}
    assert fates(known, [(SEND, report(accepted=("b",)))], None, sent=True) == {0: ACCEPTED, 1: ACCEPTED}


def test_who_is_in_no_report_of_a_component_that_makes_them_is_unknown() -> None:
    assert fates(receivers("a", "b"), [(SEND, report(accepted=("b",)))], None, sent=True)[0] == UNKNOWN


def test_the_answer_of_a_sender_that_reports_nothing_stands_for_its_receiver() -> None:
    nameless = {0: RunReceiver("acme.page", "", "", False, True)}
    assert fates(nameless, [], None, sent=True) == {0: ACCEPTED}
    assert fates(nameless, [], ValueError("bug"), sent=True) == {0: UNKNOWN}
    assert fates(nameless, [], ValueError("bug"), sent=False) == {0: Fate(None, "busy")}


@pytest.mark.parametrize(
    ("error", "state", "failure", "retry_after"),
    [
        (UpstreamError("s", "i", "no", sent=False, transient=True), None, "busy", None),
        (UpstreamError("s", "i", "no", sent=False, transient=False), None, "config", None),
        (UpstreamError("s", "i", "no", sent=True), ReceiverState.UNKNOWN, "unknown", None),
        (Limited("too many", 12), None, "quota", 12),
        (Inactive("gone"), None, "config", None),
        (PermissionDenied("no"), ReceiverState.FAILED, "message", None),
        (Refused("no", {"class": "busy", "retry_after": 3}), None, "busy", 3),
        (Refused("no", {"class": "busy", "retry_after": "3"}), None, "busy", None),
        (Refused("no", {"class": "busy", "retry_after": float("inf")}), None, "busy", None),
        (Refused("no", {"class": "quota", "retry_after": -1}), None, "quota", None),
        (Limited("too many", 10**400), None, "quota", None),
        (Refused("no", {"class": "receiver", "errcode": 7}), ReceiverState.FAILED, "receiver", None),
        (EsbError("no", ["data"]), ReceiverState.FAILED, "message", None),
        (ExceptionGroup("several", [Limited("too many", 12)]), None, "quota", 12),
    ],
)
def test_an_error_that_ended_the_call_decides_by_its_class(
    error: Exception, state: ReceiverState | None, failure: str, retry_after: float | None
) -> None:
    found = fate_of(error, sent=False)
    assert (found.state, found.failure, found.retry_after) == (state, failure, retry_after)
    assert not is_crash(error)


def test_the_ids_of_all_sendings_are_told_once() -> None:
    first, second = report(msgids=("1", "2")), report(msgids=("2", "3"))
    assert msgids_of([(SEND, first), (SEND, second), (SEND, "a rehearsal")]) == ["1", "2", "3"]
