"""What becomes of a delivery by the fates of its receivers."""

from typing import Any

import pytest

from esb.config import LedgerConfig
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.attempts import AttemptEnd, NewHold, Parking
from esb.database.claims import Claim
from esb.delivery.attempt_ends import LANE_WIDTH, AttemptEnds, Reached
from esb.delivery.fates import ACCEPTED, UNKNOWN, Fate

NOW = 1_800_000_000_000
HOUR, DAY = 3_600_000, 86_400_000
QUOTA = Fate(None, "quota", "45009", retry_after=30.0)
BUSY = Fate(None, "busy", "-1")
CONFIG = Fate(None, "config", "40013")
REFUSED = Fate(ReceiverState.FAILED, "receiver", "81013")


def make_claim(**changes: Any) -> Claim:
    values: dict[str, Any] = {
        "id": 32 * "a",
        "app": "monitor",
        "username": "admin",
        "component": "cmsi.send_weixin",
        "request_id": 32 * "b",
        "due": NOW,
        "fence": 1,
        "started": 0,
        "attempts": 0,
        "redrives": 0,
        "created": NOW,
        "expires": NOW + DAY,
        "credential": "cmsi.send_weixin",
        "lane": None,
        "at": NOW,
        "receivers": b"",
        "content": b"",
        "states": {0: ReceiverState.QUEUED, 1: ReceiverState.QUEUED},
    }
    return Claim(**{**values, **changes})


def end(*fates: Fate, hold: NewHold | None = None, ledger: LedgerConfig | None = None, **changes: Any) -> AttemptEnd:
    reached = Reached(dict(enumerate(fates)), hold=hold)
    return AttemptEnds().end(make_claim(**changes), reached, NOW + 5, ledger)


@pytest.mark.parametrize(
    ("fates", "state"),
    [
        ((ACCEPTED, ACCEPTED), DeliveryState.DONE),
        ((ACCEPTED, UNKNOWN), DeliveryState.DEAD),
        ((REFUSED, ACCEPTED), DeliveryState.DEAD),
        ((ACCEPTED, BUSY), DeliveryState.QUEUED),
    ],
)
def test_a_delivery_is_done_when_all_are_reached(fates: tuple[Fate, ...], state: DeliveryState) -> None:
    assert end(*fates).state is state


def test_who_was_missed_before_makes_a_delivery_dead() -> None:
    before = {0: ReceiverState.QUEUED, 1: ReceiverState.FAILED}
    assert end(ACCEPTED, states=before).state is DeliveryState.DEAD


def test_a_busy_platform_counts_and_is_tried_again() -> None:
    ended = end(ACCEPTED, BUSY, attempts=1)
    assert (ended.attempts, ended.failure, ended.started) == (2, "busy", 0)
    assert NOW + 24_000 <= ended.due <= NOW + 36_005
    assert [each.state for each in ended.receivers] == [ReceiverState.ACCEPTED, ReceiverState.QUEUED]


def test_a_quota_does_not_count_and_is_tried_again_when_it_says() -> None:
    ended = end(QUOTA, QUOTA, attempts=1)
    assert (ended.attempts, ended.due, ended.failure) == (1, NOW + 5 + 30_000, "quota")


def test_a_credential_that_does_not_work_is_held_and_does_not_count() -> None:
    hold = NewHold("cmsi.send_weixin", "config: 40013")
    ended = end(ACCEPTED, CONFIG, hold=hold, attempts=1)
    assert (ended.state, ended.attempts, ended.hold, ended.failure) == (DeliveryState.HELD, 1, hold, "config")


def test_nothing_is_held_for_a_delivery_that_has_ended() -> None:
    assert end(ACCEPTED, hold=NewHold("x", "config")).hold is None


def test_what_cannot_be_tried_before_it_expires_has_expired() -> None:
    ended = end(ACCEPTED, BUSY, expires=NOW + 2000)
    assert (ended.state, ended.due, ended.failure) == (DeliveryState.DEAD, NOW + 5, "busy")
    assert ended.receivers[1].state is ReceiverState.EXPIRED


def test_who_may_have_been_reached_before_stays_in_doubt() -> None:
    ended = end(REFUSED, BUSY, started=NOW - 9)
    assert (ended.state, ended.started) == (DeliveryState.QUEUED, NOW - 9)
    assert [each.state for each in ended.receivers] == [ReceiverState.UNKNOWN, ReceiverState.QUEUED]
    expired = end(REFUSED, BUSY, started=NOW - 9, expires=NOW + 9)
    assert [each.state for each in expired.receivers] == [ReceiverState.UNKNOWN, ReceiverState.UNKNOWN]
    assert end(ACCEPTED, ACCEPTED, started=NOW - 9).started == 0


def test_who_has_a_part_of_the_message_is_in_doubt_from_then_on() -> None:
    assert end(ACCEPTED, BUSY._replace(begun=True)).started == NOW


@pytest.mark.parametrize(
    ("fates", "works"),
    [
        ((ACCEPTED,), True),
        ((REFUSED,), True),
        ((QUOTA,), True),
        ((BUSY,), False),
        ((CONFIG,), False),
        ((UNKNOWN,), False),
    ],
)
def test_a_hold_ends_when_the_platform_lets_the_credential_in(fates: tuple[Fate, ...], works: bool) -> None:
    assert end(*fates, tries="cmsi.send_weixin", states={0: ReceiverState.QUEUED}).releases == (
        "cmsi.send_weixin" if works else ""
    )


def test_a_lane_without_a_turn_is_parked_as_wide_as_it_was() -> None:
    ends, alone = AttemptEnds(), {"lane": b"lane", "states": {0: ReceiverState.QUEUED}}
    no_turn = Reached({0: QUOTA})
    assert ends.end(make_claim(**alone), no_turn, NOW, None).parking == Parking(NOW + 30_000, LANE_WIDTH)
    for _ in range(LANE_WIDTH + 3):
        assert ends.end(make_claim(**alone), Reached({0: ACCEPTED}), NOW, None).parking is None
    assert ends.end(make_claim(**alone), no_turn, NOW, None).parking == Parking(NOW + 30_000, LANE_WIDTH + 3)
    assert ends.end(make_claim(**alone), Reached({0: BUSY}), NOW, None).parking is None


@pytest.mark.parametrize(
    ("content", "done", "dead"),
    [("none", 0, 0), ("until_done", 0, 30 * DAY), ("7d", 7 * DAY, 7 * DAY)],
)
def test_a_content_is_kept_as_the_ledger_says(content: str, done: int, dead: int) -> None:
    ledger = LedgerConfig(content=content)
    assert end(ACCEPTED, ACCEPTED, ledger=ledger).purge == NOW + 5 + done
    assert end(ACCEPTED, REFUSED, ledger=ledger).purge == NOW + 5 + dead
