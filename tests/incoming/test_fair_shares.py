"""Fair shares: whoever holds much leaves room for the others."""

import pytest

from esb.incoming.fair_shares import TIMES_FREE, FairShares


def taken_by(shares: FairShares, holder: str) -> int:
    """Take as much as this holder gets, one by one."""
    number = 0
    while shares.take(holder, 1):
        number += 1
    return number


@pytest.mark.parametrize(("most", "alone"), [(1, 1), (2, 1), (4, 3), (5, 4), (20, 16), (5000, 4000)])
def test_one_alone_gets_four_fifths_and_one_is_left_for_another(most: int, alone: int) -> None:
    shares = FairShares(most)
    assert taken_by(shares, "noisy") == alone
    assert shares.take("honest", 1) == (most > 1)


def test_however_many_take_all_they_get_there_is_room_for_one_more() -> None:
    shares = FairShares(1000)
    held = [taken_by(shares, f"noisy {number}") for number in range(5)]
    assert held == sorted(held, reverse=True)
    assert all(each <= TIMES_FREE * (1000 - sum(held[: number + 1])) for number, each in enumerate(held))
    assert shares.take("honest", 1)


def test_who_has_no_name_takes_all_that_is_free() -> None:
    shares = FairShares(10)
    assert taken_by(shares, "") == 10
    assert not shares.take("honest", 1)


def test_what_is_given_back_is_free_for_everybody() -> None:
    shares = FairShares(10)
    assert shares.take("one", 7)
    assert not shares.take("one", 2)
    assert not shares.take("two", 4)
    shares.give_back("one", 3)
    assert shares.taken == 4
    assert shares.take("two", 4)
    shares.give_back("one", 4)
    shares.give_back("two", 4)
    assert shares.taken == 0
    assert shares.take("two", 10)


def test_what_a_holder_has_given_back_is_no_more_of_its_share() -> None:
    shares = FairShares(10)
    assert shares.take("one", 8)
    shares.give_back("one", 7)
    assert taken_by(shares, "one") == 7
    shares.give_back("one", 8)
    assert shares.take("one", 10), "who has nothing may take all that is free"
