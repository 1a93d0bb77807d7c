"""A small trial of deliveries whose processes are killed, so that `make kill`, the big one, keeps working."""

from pathlib import Path

from tests.project.kill.trial import BROKEN_OFF, Trial, played

DELIVERIES = 150
KILLS = 3


async def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    books = await played(Trial(f"sqlite:///{tmp_path}/esb.db", DELIVERIES, KILLS), tmp_path)
    assert books.is_sound, books
    assert books.accepted == DELIVERIES
    assert books.unknown <= BROKEN_OFF * KILLS
