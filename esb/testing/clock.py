"""A clock that stands still until a test moves it."""


class Clock:
    """The time of a gateway under test, in seconds: `await gateway(use, config, clock=clock)`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def since_1970(self) -> float:
        return 1_800_000_000 + self.now

    async def sleep(self, seconds: float) -> None:
        """Wait no moment: the clock goes on by as much."""
        self.now += seconds

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds
