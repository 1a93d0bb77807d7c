"""The engine of deliveries, as esb.yaml names it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from esb.config import load
from esb.contracts.services import ProcessServices
from esb.core.errors import ConfigError
from esb.gateway.app import GATEWAY, create_app
from tests.support.configuration import SERVICES
from tests.support.databases import stanza

POSTGRESQL = "postgresql://user:secret@127.0.0.1/esb"


@pytest.mark.parametrize(
    ("url", "engine", "key", "text"),
    [
        ("sqlite:///esb.db", "{use: sag}", "deliveries.engine.use", "unknown plugin 'sag' (did you mean 'saq'?)"),
        (POSTGRESQL, "{use: saq}", "deliveries.engine.config.url", "missing"),
        (POSTGRESQL, "{use: saq, config: {url: 'http://x'}}", "deliveries.engine.config.url", "expected redis://"),
        (
            "sqlite:///esb.db",
            "{use: saq, config: {url: 'redis://x'}}",
            "deliveries.engine.use",
            "'saq' wakes processes on many machines, and SQLite is a file on one of them",
        ),
        (POSTGRESQL, "{use: embedded, config: {url: 'redis://x'}}", "deliveries.engine.config.url", "unknown key"),
    ],
)
def test_an_engine_that_cannot_be_is_a_mistake(tmp_path: Path, url: str, engine: str, key: str, text: str) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(f"{SERVICES}{stanza(url)}deliveries: {{engine: {engine}}}\ncomponents: []\n")
    with pytest.raises(ConfigError) as caught:
        create_app(load(file, {}))
    (mistake,) = caught.value.mistakes
    assert mistake.key == key
    assert text in mistake.text


class Bell:
    """An engine that somebody else has written."""

    trouble = ""

    def __init__(self, config: object, services: ProcessServices) -> None:
        self.services = services

    async def open(self, wake: Callable[[], None] | None) -> None: ...

    async def announce(self, deliveries: Sequence[str]) -> None: ...

    async def close(self) -> None: ...


def test_an_engine_of_ones_own_is_named_by_its_class_and_lent_what_the_process_has(tmp_path: Path) -> None:
    file = tmp_path / "esb.yaml"
    engine = f"{{engine: {{use: '{__name__}:Bell'}}}}"
    file.write_text(f"{SERVICES}{stanza('sqlite:///esb.db')}deliveries: {engine}\ncomponents: []\n")
    delivering = create_app(load(file, {}))[GATEWAY].deliveries.delivering
    assert delivering is not None
    assert isinstance(delivering.engine, Bell)
    assert delivering.engine.services.database is not None


@pytest.mark.parametrize(
    ("server", "deliveries", "most"),
    [("", "{}", 50), ("server: {max_per_target: 20}\n", "{}", 10), ("", "{concurrency: 9000}", 2500)],
)
def test_deliveries_leave_calls_room_at_each_upstream(tmp_path: Path, server: str, deliveries: str, most: int) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(f"{SERVICES}{stanza('sqlite:///esb.db')}{server}deliveries: {deliveries}\ncomponents: []\n")
    delivering = create_app(load(file, {}))[GATEWAY].deliveries.delivering
    assert delivering is not None
    assert delivering.deliverer is not None
    assert delivering.deliverer.concurrency == most
