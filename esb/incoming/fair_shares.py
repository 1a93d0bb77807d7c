"""Fair shares of what all callers have in common: whoever holds much of it leaves room for the others."""

TIMES_FREE = 4
"""A holder may have at most so many times what it leaves free: one alone four fifths of all, two four ninths each."""


class FairShares:
    """A stock of `most` pieces (calls, bytes), of which many holders take some and give them back.

    What a holder has is at most TIMES_FREE times what is free, so that there is always room for one who has little. The
    first that a holder takes needs no more than to be free.
    """

    __slots__ = ("_held", "most", "taken")

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._held: dict[str, int] = {}

    def take(self, holder: str, amount: int) -> bool:
        """Take so many pieces, and return True; or take none, if that is more than is free or more than its share.

        A holder without a name stands for nobody in particular: it has no share, and may take all that is free.
        """
        held = self._held.get(holder, 0)
        taken = self.taken + amount
        free = self.most - taken
        if free < 0 or (held and holder and held + amount > TIMES_FREE * free):
            return False
        self.taken = taken
        self._held[holder] = held + amount
        return True

    def give_back(self, holder: str, amount: int) -> None:
        """Give back what was taken under this name."""
        self.taken -= amount
        left = self._held[holder] - amount
        if left:
            self._held[holder] = left
        else:
            del self._held[holder]
