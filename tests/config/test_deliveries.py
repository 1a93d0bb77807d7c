"""The stanzas `deliveries` and `ledger`: what they mean when left out, and what is said of a wrong one."""

from pathlib import Path

import pytest

from esb.config import Config, DeliveriesConfig, LedgerConfig, load, seconds_of
from tests.support.servers.databases import KEY

DATABASE = f'services:\n  database:\n    url: "sqlite:///esb.db"\n    encryption_keys: ["{KEY}"]\n'
DURATION = "expected a duration such as 30s, 15m, 24h or 30d"


def loaded(folder: Path, stanzas: str, services: str = DATABASE) -> Config:
    path = folder / "esb.yaml"
    path.write_text(f"version: 1\n{services}components: []\n{stanzas}")
    return load(path, {})


def test_left_out_nothing_is_accepted_and_nothing_recorded(tmp_path: Path) -> None:
    config = loaded(tmp_path, "")
    assert (config.deliveries, config.delivery_engine, config.ledger) == (None, None, None)


def test_empty_they_mean_their_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, "deliveries: {}\nledger: {}\n")
    assert config.mistakes == []
    assert config.deliveries == DeliveriesConfig()
    assert config.ledger == LedgerConfig()
    assert config.delivery_engine is None
    assert config.deliveries is not None
    assert (config.deliveries.run, config.deliveries.expires) == ("here", "24h")


def test_all_that_they_say_is_read(tmp_path: Path) -> None:
    engine = "engine: {use: saq, config: {url: 'redis://h'}}"
    deliveries = f"deliveries: {{run: off, concurrency: 7, expires: 90m, max_queued: 3, {engine}}}\n"
    config = loaded(tmp_path, f"{deliveries}ledger: {{sync: on, content: 7d, rows: 2d, history: 60d}}\n")
    assert config.mistakes == []
    assert config.deliveries is not None
    assert config.delivery_engine is not None
    assert config.ledger == LedgerConfig(sync="on", content="7d", rows="2d", history="60d")
    assert (config.deliveries.run, config.deliveries.concurrency, config.deliveries.max_queued) == ("off", 7, 3)
    assert config.delivery_engine.use == "saq"


@pytest.mark.parametrize("stanza", ["deliveries", "ledger"])
@pytest.mark.parametrize("services", ["", "services: {}\n"])
def test_each_needs_a_database(tmp_path: Path, stanza: str, services: str) -> None:
    mistakes = loaded(tmp_path, f"{stanza}: {{}}\n", services).mistakes
    assert [str(mistake).partition(": ")[2] for mistake in mistakes] == [
        f"{stanza}: it needs services.database, where it is kept"
    ]


@pytest.mark.parametrize(
    ("stanza", "text"),
    [
        ("deliveries: {expires: 1w}", DURATION),
        ("deliveries: {expires: 0s}", DURATION),
        ("ledger: {rows: 30}", "rows"),
        ("ledger: {rows: '1 d'}", DURATION),
        ("ledger: {content: 7h}", "expected none, until_done, or days such as 7d"),
        ("deliveries: {concurrency: 0}", "concurrency"),
        ("deliveries: {run: there}", "run"),
        ("ledger: {sync: all}", "sync"),
    ],
)
def test_one_that_makes_no_sense_is_a_mistake(tmp_path: Path, stanza: str, text: str) -> None:
    (mistake,) = loaded(tmp_path, f"{stanza}\n").mistakes
    assert text in str(mistake)


@pytest.mark.parametrize(("duration", "seconds"), [("30s", 30), ("15m", 900), ("24h", 86_400), ("400d", 34_560_000)])
def test_a_duration_has_its_seconds(duration: str, seconds: int) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "0m", "-1h", "1.5h", "1h30m", "1H", " 1h", "1h\n", "1000000000s"])
def test_what_is_no_duration_says_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration such as"):
        seconds_of(text)
