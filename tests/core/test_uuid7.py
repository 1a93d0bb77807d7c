"""Identifiers: UUIDs of version 7, which sort by their time."""

from uuid import RFC_4122, UUID

from esb.core.uuid7 import uuid7

MOMENT = 1_800_000_000_000


def test_it_is_a_uuid_of_version_7_that_begins_with_its_time() -> None:
    made = UUID(uuid7(MOMENT))
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == MOMENT


def test_those_of_later_milliseconds_sort_behind_and_those_of_the_same_differ() -> None:
    made = [uuid7(MOMENT + number) for number in range(100)]
    assert made == sorted(made)
    assert {len(each) for each in made} == {32}
    assert len({uuid7(MOMENT) for _ in range(1000)}) == 1000
