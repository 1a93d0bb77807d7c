"""Nonces that outlive a process: known to the memory of this one, and to the durable place that all share."""

import pytest

from esb.store.kept_keys import Found, Held, Wanted
from esb.store.memory import MemoryStore
from esb.store.nonces import DurableNonces
from esb.store.protocol import ShareFull, StoreAway
from esb.store.store_keys import StoreKeys
from tests.support.clock import Clock

KEY = "nonce:shop:digest"


class Place(StoreKeys):
    """A durable place that can be away."""

    away = False

    async def claim(self, wanted: Wanted) -> Held | Found:
        if self.away:
            raise StoreAway("database", "claim", "away", sent=False)
        return await super().claim(wanted)


@pytest.fixture
def place(clock: Clock) -> Place:
    return Place(MemoryStore(clock, 1000))


def make_nonces(place: Place, clock: Clock, size: int = 1000) -> DurableNonces:
    return DurableNonces(MemoryStore(clock, size), place)


async def test_what_was_seen_before_a_restart_or_by_another_process_is_not_new(place: Place, clock: Clock) -> None:
    assert await make_nonces(place, clock).add(KEY, 60)
    assert not await make_nonces(place, clock).add(KEY, 60)
    assert await make_nonces(place, clock).add(f"{KEY}2", 60)
    clock.advance(60)
    assert await make_nonces(place, clock).add(KEY, 60)


async def test_meanwhile_each_process_knows_its_own(place: Place, clock: Clock) -> None:
    one, other = make_nonces(place, clock), make_nonces(place, clock)
    assert await one.add("nonce:shop:before", 60)
    place.away = True
    assert not await one.add("nonce:shop:before", 60)
    assert [await each.add(KEY, 60) for each in (one, one, other)] == [True, False, True]


async def test_an_app_has_its_share_of_them(place: Place, clock: Clock) -> None:
    nonces = make_nonces(place, clock, size=2)
    assert await nonces.add(KEY, 60)
    with pytest.raises(ShareFull):
        await nonces.add(f"{KEY}2", 60)
