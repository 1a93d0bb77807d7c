"""Lanes, in every kind of database: who has no turn parks all that wait behind it."""

from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.database.attempts import Parking, ReceiverEnd
from esb.database.deliveries import DELIVERY
from esb.database.engine import Database
from esb.database.lanes import WINDOW
from tests.support.claims import add, end_of, finished, rows, taken
from tests.support.delivery_rows import NOW

LANE = b"0123456789abcdef"


async def test_all_that_wait_for_a_receiver_get_windows_in_their_order(database: Database) -> None:
    first = await add(database, lane=LANE, due=NOW - 9)
    waiting = [await add(database, lane=LANE) for _ in range(5)]
    scheduled = await add(database, lane=LANE, due=NOW + 10 * WINDOW)
    other = await add(database, lane=b"other")
    (claimed,) = await taken(database, most=1)
    assert claimed.id == first
    turn = NOW + 3000
    await finished(
        database,
        end_of(
            claimed,
            state=DeliveryState.QUEUED,
            due=turn,
            receivers=[ReceiverEnd(0, ReceiverState.QUEUED, "quota", "45009")],
            parking=Parking(turn, 2),
        ),
    )
    due = {row.id: row.due for row in await rows(database, DELIVERY)}
    order = sorted([first, *waiting])
    expected = {identity: turn + number // 2 * WINDOW for number, identity in enumerate(order)}
    assert due == {**expected, scheduled: NOW + 10 * WINDOW, other: NOW}
