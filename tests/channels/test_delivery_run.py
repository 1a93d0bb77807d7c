"""Ids that repetitions of a message share."""

from typing import Any

import pytest

from esb.channels.delivery_run import LONG, part_of, repetition_id
from esb.core.call import App, Call, DeliveryRun, Options
from tests.support.calls import make_call

CONTENT: dict[str, Any] = {"receiver": ["a"], "data": {"heading": "H", "file": b"1", "none": None, "times": 2}}


def keyed(key: str = "k", app: str = "esb_demo", **changes: Any) -> Call:
    call: dict[str, Any] = {"args": CONTENT, "app": App(app), "options": Options(idempotency_key=key)}
    return make_call(**{**call, **changes})


def of_run(run: str = "0192f000", **changes: Any) -> Call:
    return make_call(**{"args": CONTENT, "options": Options(run=DeliveryRun(run, 0.0, (), 600.0)), **changes})


async def test_a_call_without_a_key_is_like_no_other() -> None:
    assert repetition_id(make_call()) != repetition_id(make_call())


@pytest.mark.parametrize("make", [keyed, of_run])
async def test_a_repetition_shares_the_id_whoever_is_named_and_however_it_is_written(make: Any) -> None:
    written = [
        CONTENT,
        {**CONTENT, "bk_username": "lisi"},
        {**CONTENT, "idempotency_key": "k"},
        {**CONTENT, "async": True},
        {"data": dict(reversed(CONTENT["data"].items())), "receiver": ["a"]},
    ]
    ids = {repetition_id(make(args=args)) for args in written}
    assert [len(known_as) for known_as in ids] == [32]


async def test_other_messages_have_other_ids() -> None:
    calls = [
        keyed(),
        keyed("k2"),
        keyed(app="another"),
        keyed(component="cmsi.another"),
        keyed(args={**CONTENT, "receiver": ["b"]}),
        of_run(),
        of_run("0192f001"),
        of_run(options=Options(run=DeliveryRun("0192f000", 0.0, (), 600.0, redrives=1))),
        of_run(args={"text": LONG * "a" + LONG * "b" + LONG * "c"}),
        of_run(args={"text": LONG * "a" + LONG * "b" + LONG * "d"}),
    ]
    ids = [repetition_id(call) for call in calls]
    ids += [part_of(ids[0], "0"), part_of(ids[0], "1"), part_of(ids[0], "0", "a")]
    assert len(set(ids)) == len(ids)
