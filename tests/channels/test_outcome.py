"""The outcome of a sending: joined over receivers, in order over pages, and rendered in a channel's words."""

from typing import Any

import pytest

from esb.channels.outcome import (
    MOST_MSGIDS,
    DeliveryOutcome,
    DeliveryReport,
    Failure,
    PlainWording,
    sent_summary,
    stopped_class,
)
from esb.channels.recipients import Audience, addressed
from esb.channels.verdict import Kind, Verdict
from esb.core.call import Record
from esb.core.errors import EsbError, Limited, Message, Refused, UpstreamError

REFUSED = Failure("b", 40003, "invalid openid", "receiver")
DOWN = UpstreamError("weixin_qy", "send_message", "down", sent=True)
BUSY = Limited("Too many calls of this third-party system are under way, please try again later", 1.0)
PLAIN = PlainWording(lambda audience, outcome: Message("sending failed"), "some failed. {complaint}")


def rendered(outcome: DeliveryOutcome, audience: Audience | None = None) -> Any:
    return DeliveryReport(audience or addressed(["a"]), outcome, PLAIN).rendered()


def test_outcomes_for_different_receivers_add_up() -> None:
    joined = DeliveryOutcome.joined(
        [
            DeliveryOutcome(accepted=("a",), msgids=("1",)),
            DeliveryOutcome(failed=(REFUSED,)),
            DeliveryOutcome(unknown=("c",), error=DOWN),
            DeliveryOutcome(accepted=("d",), msgids=("2",), error=BUSY),
            DeliveryOutcome(accepted=("e",), msgids=("1",)),
        ]
    )
    assert joined.accepted == ("a", "d", "e")
    assert joined.failed == (REFUSED,)
    assert joined.unknown == ("c",)
    assert joined.msgids == ("1", "2")
    assert joined.error is DOWN


def test_nothing_adds_up_to_nothing() -> None:
    assert DeliveryOutcome.joined([]) == DeliveryOutcome()


def test_of_pages_only_who_got_the_last_one_has_accepted() -> None:
    missed = (Failure("b", 40003, "invalid user", "receiver"),)
    second = DeliveryOutcome(accepted=("a",), failed=missed, msgids=("2",))
    pages = [
        DeliveryOutcome(accepted=("a", "b", "c"), msgids=("1",)).on_page(0, 3),
        second.on_page(1, 3),
        DeliveryOutcome(unknown=("a",), error=DOWN).on_page(2, 3),
    ]
    outcome = DeliveryOutcome.in_order(pages)
    assert (outcome.accepted, outcome.unknown, outcome.msgids) == ((), ("a",), ("1", "2"))
    assert [(failure.receiver, failure.pages, failure.of) for failure in outcome.failed] == [("b", 1, 3)]


@pytest.mark.parametrize(
    ("error", "failure", "unknown"),
    [
        (DOWN, None, ("a",)),
        (UpstreamError("S", "I", "away", sent=False, transient=True), ("away", "busy", None), ()),
        (UpstreamError("S", "I", "wrong", sent=False, transient=False), ("wrong", "config", None), ()),
        (Limited("too many", 2.0), ("too many", "quota", 2.0), ()),
    ],
)
def test_what_stops_a_sending_leaves_nobody_without_a_fate(
    error: UpstreamError | Limited, failure: tuple[str, str, float | None] | None, unknown: tuple[str, ...]
) -> None:
    outcome = DeliveryOutcome.stopped(["a"], error)
    assert [(str(each.errmsg), each.kind, each.retry_after) for each in outcome.failed] == (
        [failure] if failure else []
    )
    assert (outcome.unknown, outcome.accepted, outcome.error) == (unknown, (), error)


def test_everybody_reached_is_data() -> None:
    data = rendered(DeliveryOutcome(accepted=("a",), msgids=("1",)))
    assert data["accepted"] == ["a"]
    assert data["msgids"] == ["1"]


def test_what_is_known_of_a_failure_is_told_with_it() -> None:
    failed = (Failure("a", 45009, "too many", "quota", 3.0), Failure("b", "No", "no", pages=1, of=3))
    outcome = DeliveryOutcome(accepted=("c",), held=("c",), failed=failed, msgids=("1",))
    report = DeliveryReport(addressed(["a", "b", "c"]), outcome, PLAIN, [{"field": "title"}])
    with pytest.raises(Refused, match="sending failed") as caught:
        report.rendered()
    assert caught.value.data == {
        "username_check": {"invalid": []},
        "accepted": ["c"],
        "held": ["c"],
        "failed": [
            {"receiver": "a", "errcode": 45009, "errmsg": "too many", "class": "quota", "retry_after": 3.0},
            {"receiver": "b", "errcode": "No", "errmsg": "no", "class": "unknown", "pages_accepted": 1, "pages": 3},
        ],
        "unknown": [],
        "msgids": ["1"],
        "warnings": [{"field": "title"}],
        "errcode": 45009,
        "errmsg": "too many",
        "class": "quota",
        "retryable": False,
        "retry_after": None,
    }


def test_of_what_is_held_only_who_got_the_last_page_is_told() -> None:
    pages = [DeliveryOutcome(accepted=("a", "b"), held=("a", "b")), DeliveryOutcome(accepted=("a",))]
    assert DeliveryOutcome.in_order(pages).held == ("a",)
    assert DeliveryOutcome.joined(pages).held == ("a", "b")


@pytest.mark.parametrize(
    ("errcode", "kind", "accepted", "held", "failed", "unknown"),
    [
        (0, "ok", ("a",), (), [("b", 1)], ()),
        (7, "held", ("a",), ("a",), [("b", 1)], ()),
        (0, "message", (), (), [("b", 1)], ("a",)),
        (7, "receiver", (), (), [("b", 1), ("a", 7)], ()),
    ],
)
def test_a_verdict_decides_who_was_reached(
    errcode: int,
    kind: Kind,
    accepted: tuple[str, ...],
    held: tuple[str, ...],
    failed: list[tuple[str, int]],
    unknown: tuple[str, ...],
) -> None:
    verdict = Verdict(errcode, "told", kind, Message("why"), 5.0)
    outcome = DeliveryOutcome.judged(("a",), verdict, ("1",), (Failure("b", 1, "invalid"),))
    assert (outcome.accepted, outcome.held, outcome.unknown) == (accepted, held, unknown)
    assert [(failure.receiver, failure.errcode) for failure in outcome.failed] == failed
    assert (outcome.msgids, outcome.refusal) == ((("1",), None) if accepted else ((), verdict))
    if len(outcome.failed) == 2:
        assert outcome.failed[1] == Failure("a", 7, "told", "receiver", 5.0)


def test_two_names_of_one_address_are_both_told() -> None:
    audience = Audience({"+86-1": ("admin", "root")})
    with pytest.raises(EsbError) as caught:
        rendered(DeliveryOutcome(failed=(Failure("+86-1", 5, "no"),)), audience)
    assert [entry["receiver"] for entry in caught.value.data["failed"]] == ["admin", "root"]
    assert caught.value.data["errcode"] == 5


def test_what_a_relay_answers_is_kept_and_never_wins() -> None:
    data = rendered(DeliveryOutcome(accepted=("a",), answered={"id": 7, "accepted": "no"}))
    assert (data["id"], data["accepted"]) == (7, ["a"])
    assert rendered(DeliveryOutcome(accepted=("a",), answered=[1])) == [1]


def test_an_error_comes_with_whom_the_sending_reached_and_stays_as_it_was() -> None:
    limited = Limited("too many", 2.0)
    with pytest.raises(Limited) as caught:
        rendered(DeliveryOutcome.stopped(["a"], limited))
    assert (caught.value.data["retry_after"], len(caught.value.data["failed"])) == (2.0, 1)
    assert limited.data == {"retry_after": 2.0}
    with pytest.raises(UpstreamError) as failed:
        rendered(DeliveryOutcome.stopped(["a"], UpstreamError("S", "I", "slow")))
    assert failed.value.data["unknown"] == ["a"]


def test_only_if_all_refusals_are_for_now_the_call_is_limited() -> None:
    busy = DeliveryOutcome(failed=(Failure("a", "Limit", "busy", retry_after=30.0),))
    busier = DeliveryOutcome(failed=(Failure("b", "Limit", "busy", retry_after=60.0),))
    refused = DeliveryOutcome(failed=(Failure("c", "No", "no"),))
    with pytest.raises(Limited) as limited:
        rendered(DeliveryOutcome.joined([busy, DeliveryOutcome(accepted=("d",)), busier]))
    assert (limited.value.retry_after, limited.value.data["retry_after"]) == (60.0, 60.0)
    with pytest.raises(EsbError) as caught:
        rendered(DeliveryOutcome.joined([busy, refused]))
    assert not isinstance(caught.value, Limited)


WELL = {"accepted": ["a", "b"], "failed": [], "unknown": [], "msgids": ["1", "2"]}
HELD = {**WELL, "held": ["a"]}
BADLY = {"accepted": [], "failed": [{}], "unknown": ["c"], "msgids": [], "class": "receiver", "errcode": 40003}


@pytest.mark.parametrize(
    ("reports", "summary"),
    [
        ([WELL], (2, 0, 0, "ok", None)),
        ([HELD], (2, 0, 0, "held", None)),
        ([BADLY], (0, 1, 1, "receiver", 40003)),
        ([WELL, BADLY, HELD], (4, 1, 1, "receiver", 40003)),
        ([WELL, WELL], (4, 0, 0, "ok", None)),
    ],
)
def test_the_summary_of_sendings_has_numbers_and_the_first_trouble(
    reports: list[dict[str, Any]], summary: tuple[Any, ...]
) -> None:
    told = sent_summary(reports)
    assert tuple(told[name] for name in ("accepted", "failed", "unknown", "class", "errcode")) == summary
    assert told["msgids"] == [msgid for report in reports for msgid in report["msgids"]]


def test_the_summary_of_sendings_names_the_first_messages_only() -> None:
    many = {**WELL, "msgids": [str(number) for number in range(100)]}
    assert sent_summary([many])["msgids"] == sent_summary([many, WELL])["msgids"] == many["msgids"][:MOST_MSGIDS]


def test_a_report_is_noted_in_the_record_whether_all_went_well_or_not() -> None:
    record = Record()
    fine = DeliveryOutcome(accepted=("a",))
    data = DeliveryReport(addressed(["a"]), fine, PLAIN).rendered(record)
    with pytest.raises(EsbError) as refused:
        DeliveryReport(addressed(["a"]), DeliveryOutcome.stopped(["a"], Limited("no", 1.0)), PLAIN).rendered(record)
    assert list(record.reports) == [data, refused.value.data]


def test_a_person_is_reached_by_any_of_several_addresses_and_then_nothing_went_wrong() -> None:
    audience = Audience({"1": ("ann",), "2": ("ann",)}, given=("ann",))
    one = DeliveryOutcome(accepted=("1",), unknown=("2",), error=DOWN)
    told = DeliveryReport(audience, one, PLAIN).by_person()
    assert (told.outcome.accepted, told.outcome.unknown, told.outcome.error) == (("1",), (), None)
    none = DeliveryOutcome(failed=(Failure("1", 1, "no", "receiver"),), unknown=("2",), error=DOWN)
    told = DeliveryReport(audience, none, PLAIN).by_person()
    assert (told.outcome.failed, told.outcome.unknown, told.outcome.error) == ((), ("2",), DOWN)


def test_what_was_stopped_by_nothing_known_is_for_the_operator() -> None:
    assert stopped_class(None) == "config"
