"""Notes of what is rare: the latest of each account, bounded, and of several processes as of one."""

from dataclasses import dataclass

from esb.core.events import GateClosed, StoreTurned, TokenFetched
from esb.core.process_events import DatabaseTurned
from esb.telemetry.incidents import MOST_ACCOUNTS, Closing, IncidentNotes, Incidents, TokenTold, latest


@dataclass
class Time:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_gate_is_told_until_it_opens() -> None:
    time = Time()
    notes = IncidentNotes(time)
    notes.note(GateClosed("mp", "wx1", 45009, 60.0, "the day's quota"))
    assert notes.copy().gates == {("mp", "wx1"): Closing(45009, 1060.0, "the day's quota")}
    time.now = 1060.0
    assert notes.copy().gates == {}


def test_the_latest_end_of_a_fetch_counts_and_only_the_last_accounts_are_known() -> None:
    time = Time()
    notes = IncidentNotes(time)
    notes.note(TokenFetched("qy", "ww1", "refused", 0.1, 40001, "no", "check it"))
    assert notes.copy().tokens["qy", "ww1"].failed
    notes.note(TokenFetched("qy", "ww1", "same", 0.1))
    assert not notes.copy().tokens["qy", "ww1"].failed
    for number in range(MOST_ACCOUNTS):
        notes.note(TokenFetched("qy", f"other{number}", "failed", 0.1))
        notes.note(GateClosed("qy", f"other{number}", 1, 60.0))
    assert ("qy", "ww1") not in notes.copy().tokens
    assert len(notes.copy().tokens) == len(notes.copy().gates) == MOST_ACCOUNTS


def test_it_is_known_since_when_store_and_database_are_away_or_back() -> None:
    time = Time()
    notes = IncidentNotes(time)
    assert (notes.copy().store_turned, notes.copy().database_turned) == (None, None)
    notes.note(StoreTurned("refuses connections"))
    time.now = 1007.0
    notes.note(DatabaseTurned("does not answer"))
    assert (notes.copy().store_turned, notes.copy().database_turned) == (1000.0, 1007.0)


def test_of_several_processes_the_latest_word_counts() -> None:
    account = ("qy", "ww1")
    refused = Incidents({account: Closing(1, 90.0)}, {account: TokenTold(10.0, "refused", 40001)}, 5.0)
    fetched = Incidents({account: Closing(2, 60.0)}, {account: TokenTold(20.0, "fetched")}, 3.0, 8.0)
    for told in ((refused, fetched), (fetched, refused)):
        assert latest(told) == Incidents({account: Closing(1, 90.0)}, {account: TokenTold(20.0, "fetched")}, 5.0, 8.0)
    assert latest([]) == Incidents()
