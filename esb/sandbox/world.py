"""The subject of the control API: the state of the platforms and the faults set on it."""

from collections.abc import Callable

from aiohttp import web

from esb.sandbox.changes import Changes
from esb.sandbox.faults import Faults
from esb.sandbox.seed import default_seed
from esb.sandbox.state import Seed, State, Told


class World:
    """One sandbox's platforms; they begin with the default seed. `changes` tells whoever waits for something in it."""

    def __init__(self, clock: Callable[[], float], told: Told) -> None:
        self._clock = clock
        self._told = told
        self.changes = Changes()
        self.smtp_port: int | None = None
        """Port where mails are taken; None if they are not."""
        self.start_over(default_seed())

    def start_over(self, seed: Seed) -> None:
        """Take a new seed: tokens, inbox, stats, faults and clock begin anew."""
        self.state = State(seed, self._clock, self._told, self.changes)
        self.faults = Faults(self.changes)
        self.changes.announce()


WORLD = web.AppKey("world", World)
"""The key of a sandbox's world in its application, by which the other sides find it."""
