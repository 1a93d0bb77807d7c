"""Keys that are not protected: told in the answers of those who gave one, and as events, one a minute at most."""

import pytest

from esb.core.call import Options
from esb.core.events import Event, Observer
from esb.core.process_events import KeysUnprotected
from esb.delivery.unprotected_keys import TELLING_SECONDS, UnprotectedKeys
from esb.store.kept_keys import Unprotected
from tests.support.calls import make_call
from tests.support.loop_time import movable_loop_time, turns


@pytest.mark.parametrize("reason", Unprotected)
async def test_only_who_gave_a_key_is_warned(reason: Unprotected) -> None:
    keys = UnprotectedKeys(Observer())
    keyed, recognised = make_call(options=Options(idempotency_key="k")), make_call()
    keyed.record.warnings = [{"field": "receiver"}]
    for call in (keyed, recognised):
        keys.note(call, reason)
    assert [warning["field"] for warning in keyed.record.warnings] == ["receiver", "Idempotency-Key"]
    assert recognised.record.warnings == ()
    keys.close()


async def test_the_first_is_told_at_once_and_others_once_a_minute() -> None:
    events: list[Event] = []
    keys = UnprotectedKeys(Observer([events.append]))

    async def noted(*reasons: Unprotected) -> list[Event]:
        for reason in reasons:
            keys.note(make_call(), reason)
        advance(TELLING_SECONDS)
        await turns()
        told, events[:] = events[:], []
        return told

    with movable_loop_time() as advance:
        first, away = KeysUnprotected("process", 1), Unprotected.AWAY
        assert await noted(Unprotected.PROCESS, away, away) == [first, KeysUnprotected("away", 2)]
        assert await noted() == []
        assert await noted(Unprotected.PROCESS) == [first]
        keys.note(make_call(), Unprotected.FULL)
        keys.close()
        assert events == [KeysUnprotected("full", 1)]
