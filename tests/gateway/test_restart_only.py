"""Settings that a reload cannot change."""

from pathlib import Path

import pytest

from esb.config import Config, load
from esb.gateway.restart_only import changed, needs_restart
from tests.support.servers.databases import KEY, OTHER_KEY

DATABASE = f"{{database: {{url: 'sqlite:///esb.db', encryption_keys: ['{KEY}']}}}}"
REFUSAL = "a reload cannot change this; put it back, or restart the gateway"


def config(folder: Path, text: str, **environ: str) -> Config:
    (folder / "esb.yaml").write_text(f"version: 1\n{text}\ncomponents: []\n")
    return load(folder / "esb.yaml", environ)


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("", "server: {host: 0.0.0.0}", ["server.host"]),
        ("server: {port: 1}", "server:\n  max_body: 1\n  port: 2", ["server.port"]),
        ("server: {port: 1}", "", ["server.port"]),
        ("", "server: {max_connections: 5}", ["server.max_connections"]),
        ("server: {max_buffered: 2000000}", "", ["server.max_buffered"]),
        ("", "server: {admin: {port: 9090}}", ["server.admin"]),
        ("server: {admin: {port: 9090}}", "server: {}", ["server.admin"]),
        ("server: {admin: {port: 9090}}", "server: {admin: {port: 9091}}", ["server.admin"]),
        ("server: {admin: {port: 9090}}", "server: {admin: {unix: /run/esb/admin.sock}}", ["server.admin"]),
        ("", "sandbox: {port: 1}", ["sandbox"]),
        ("sandbox: {port: 1}", "sandbox: {port: 2}", ["sandbox"]),
        ("sandbox: {}", "", ["sandbox"]),
        ("", "services: {store: {use: memory, config: {max_keys: 5}}}", ["services.store"]),
        ("services: {store: {use: memory, config: {max_keys: 5}}}", "services: {}", ["services.store"]),
        ("", f"services: {DATABASE}", ["services.database"]),
        (f"services: {DATABASE}", "services: {}", ["services.database"]),
        (f"services: {DATABASE}", f"services: {DATABASE.replace('esb.db', 'other.db')}", ["services.database"]),
        (f"services: {DATABASE}", f"services: {DATABASE.replace(KEY, OTHER_KEY)}", ["services.database"]),
        ("server: {port: 1}", "server: {host: h, port: 2}\nsandbox: {}", ["server.host", "server.port", "sandbox"]),
    ],
)
def test_a_key_of_the_process_is_refused_by_name(tmp_path: Path, old: str, new: str, keys: list[str]) -> None:
    mistakes = changed(config(tmp_path, old), config(tmp_path, new))
    assert [(mistake.key, mistake.text) for mistake in mistakes] == [(key, REFUSAL) for key in keys]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "server: {port: 8080, host: 127.0.0.1}"),
        ("server: {port: 80}", "server: {port: '${PORT}'}"),
        ("", "services: {store: {use: memory}}"),
        (f"services: {DATABASE}", f"services: {DATABASE.replace(KEY, '${KEY}')}"),
        ("", "services: {store: {use: memory, config: {max_keys: 1000000}}}"),
        ("sandbox: {}", "sandbox: {port: 8089}"),
        (
            "server: {admin: {port: 9090}}",
            f"server: {{admin: {{port: 9090, hosts: [esb], tokens: [{{name: ops, digest: 'sha256:{'0' * 64}'}}]}}}}",
        ),
        (
            "",
            "server: {max_body: 5, shutdown_grace: 1, trusted_proxies: [10.0.0.0/8], max_in_flight: 7, timezone: UTC}",
        ),
    ],
)
def test_what_counts_is_what_the_keys_say_in_the_end(tmp_path: Path, old: str, new: str) -> None:
    assert changed(config(tmp_path, old), config(tmp_path, new, PORT="80", KEY=KEY)) == []


def test_a_refusal_says_on_which_line_the_key_stands(tmp_path: Path) -> None:
    old = config(tmp_path, "")
    (mistake,) = changed(old, config(tmp_path, "server:\n  max_body: 1\n  port: 2"))
    assert (mistake.file, mistake.line) == (str(tmp_path / "esb.yaml"), 4)


def test_a_file_that_cannot_be_read_has_its_own_mistake(tmp_path: Path) -> None:
    old = config(tmp_path, "server: {port: 1}")
    (tmp_path / "esb.yaml").write_text("{")
    new = load(tmp_path / "esb.yaml", {})
    assert new.mistakes
    assert changed(old, new) == []


def test_a_store_that_cannot_be_built_is_a_mistake_of_its_own(tmp_path: Path) -> None:
    (mistake,) = changed(config(tmp_path, ""), config(tmp_path, "services: {store: {use: nobody}}"))
    assert mistake.key == "services.store.use"
    assert "unknown plugin" in mistake.text


def test_every_key_of_the_database_needs_a_restart() -> None:
    assert needs_restart("services.database.url")
    assert needs_restart("services.database.encryption_keys[0]")
    assert not needs_restart("services.apps.config")
