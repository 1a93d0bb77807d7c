"""What was accepted is delivered, by a real gateway to a real sandbox, from a database of each kind."""

from esb.core.delivery_states import DeliveryState
from tests.support.delivering import Delivering


async def test_what_was_accepted_arrives_and_is_done(delivering: Delivering) -> None:
    identity = await delivering.accept()
    event = await delivering.attempted()
    assert (event.delivery, event.state, event.accepted, event.attempts) == (identity, "done", 1, 1)
    row = await delivering.row(identity)
    assert (row.state, row.lease, row.owner, row.started) == (DeliveryState.DONE, 0, "", 0)
    assert await delivering.states(identity) == ["accepted"]
    (message,) = await delivering.sandbox.messages()
    assert message["delivered"] == ["zhangsan"]
