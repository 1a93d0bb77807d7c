"""The last good configuration: what a restart on a broken file serves, and how everybody is told."""

import json
import os
import signal
import stat
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from esb.config import ConfigSource
from esb.server.last_good import LastGood, NothingKept
from tests.support.ports import free_port
from tests.support.processes.command_line import Running, exchange, run, running, until

TEXT = """\
version: 1
server: {{admin: {{port: {port}, tokens: [{{name: ops, digest: "sha256:{digest}"}}]}}{server}}}
services:
  apps: {{use: static, config: {{include: [apps/*.yaml]}}}}
  store: {{use: memory, config: {{per_process: accept}}}}
middlewares: [{{use: app_auth}}]
include: [more/*.yaml]
components: []
"""
PLUGIN = """\
import esb
class Told(esb.Component[esb.ConfigModel, esb.Params]):
    async def handle(self, call, params):
        return {word!r}
"""
AUTH = {"bk_app_code": "a", "bk_app_secret": "TOPSECRET-file"}


def deploy(folder: Path, word: str = "first", server: str = "") -> Path:
    """Write a gateway with an included file, a plugin and a file with a secret; return its esb.yaml."""
    for name in ("apps", "more", "plugins"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "apps" / "secret").write_text("TOPSECRET-file\n")
    (folder / "apps" / "a.yaml").write_text('apps: [{code: a, secrets: ["${file:secret}", "${ANOTHER}"]}]\n')
    (folder / "more" / "a.yaml").write_text('components: [{path: /a/told/, use: "plugins.told:Told"}]\n')
    (folder / "plugins" / "told.py").write_text(PLUGIN.format(word=word))
    file = folder / "esb.yaml"
    file.write_text(TEXT.format(port=free_port(), digest=64 * "0", server=server))
    return file


def serving(file: Path, kept: Path, number: int = 1, *, fresh: bool = False) -> Any:
    folder = file.parent.parent
    arguments = ("serve", "-c", file, "--port", "0", "--last-good", kept)
    log, environ = folder / f"log{number}", {"ESB_LOG": "json", "ANOTHER": "TOPSECRET-variable"}
    return running(*arguments, log=log, folder=folder, fresh=fresh, **environ)


def told(gateway: Running) -> Any:
    return exchange(f"{gateway.url}/api/c/compapi/a/told/", AUTH).body["data"]


def health(gateway: Running) -> Any:
    return exchange(f"{gateway.url}/api/c/healthz/").body["message"]


def metric(file: Path) -> float:
    port = file.read_text().partition("port: ")[2].partition(",")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith("esb_config_last_good ")))


def lines(gateway: Running, event: str) -> list[Any]:
    found = [json.loads(line) for line in gateway.log().splitlines()]
    return [line for line in found if line["event"] == event]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_restart_on_a_broken_file_serves_the_last_good_one_and_says_so_until_it_is_mended(
    tmp_path: Path, workers: int
) -> None:
    kept = tmp_path / "last_good"
    file = deploy(tmp_path / "gateway", server=f", workers: {workers}")
    with serving(file, kept) as gateway:
        assert (told(gateway), health(gateway), metric(file)) == ("first", "OK", 0)
        until(kept.exists)
        gateway.stop()
        assert gateway.wait() == 0
    good, included = file.read_text(), (tmp_path / "gateway" / "more" / "a.yaml").read_text()
    file.write_text(good.replace("components: []", "components: [{path: /b/c/}]"))
    (tmp_path / "gateway" / "more" / "a.yaml").unlink()
    (tmp_path / "gateway" / "apps" / "b.yaml").write_text("apps: 7")

    with serving(file, kept, 2) as gateway:
        assert told(gateway) == "first"
        assert health(gateway).startswith("degraded: config: esb.yaml is wrong, the last good configuration answers")
        assert metric(file) == 1
        (line,) = lines(gateway, "last good configuration served")
        assert (line["level"], line["file"]) == ("error", str(kept))
        assert f"{file}:8: components[0].use: missing; expected a string" in line["mistakes"]

        gateway.stop(signal.SIGHUP)  # it is wrong as before
        until(lambda: len(lines(gateway, "reload refused")) == 1)
        assert health(gateway).startswith("degraded: config")

        file.write_text(good)
        (tmp_path / "gateway" / "more" / "a.yaml").write_text(included.replace("/a/told/", "/a/mended/"))
        (tmp_path / "gateway" / "apps" / "b.yaml").unlink()
        gateway.stop(signal.SIGHUP)
        until(lambda: len(lines(gateway, "reloaded")) == 1)
        until(lambda: "/a/mended/" in kept.read_text())
        assert (health(gateway), metric(file)) == ("OK", 0)
        gateway.stop()
        assert gateway.wait() == 0


def test_a_restart_in_place_on_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    file, kept = deploy(tmp_path / "gateway"), tmp_path / "last_good"
    with serving(file, kept, fresh=True) as gateway:  # one whose command line can be run again
        until(kept.exists)
        file.write_text("version: 2\n")
        gateway.stop(signal.SIGUSR2)
        until(lambda: "restart failed" in gateway.log())
        log = gateway.log()  # with what the successor has said as text
        assert f"{file}:1: version: expected 1, the only version there is" in log
        assert "last good configuration served" not in log
        assert (told(gateway), health(gateway)) == ("first", "OK")


def test_without_a_last_good_one_a_broken_file_is_as_before(tmp_path: Path) -> None:
    file = deploy(tmp_path / "gateway")
    file.write_text("version: 2\ncomponents: []\n")
    mistake = f"{file}:1: version: expected 1, the only version there is\n"

    plain = run("serve", "-c", file)
    nothing = run("serve", "-c", file, ESB_LAST_GOOD=str(tmp_path / "none"))

    assert (plain.code, plain.stdout, plain.stderr) == (78, "", mistake)
    assert (nothing.code, nothing.stdout) == (78, "")
    reason = f"{tmp_path}/none: No such file or directory"
    assert nothing.stderr == f"{mistake}nor can the last good configuration be served: {reason}\n"


def test_a_last_good_one_that_is_wrong_by_now_is_told_beside_the_mistakes(tmp_path: Path) -> None:
    file, kept = deploy(tmp_path / "gateway"), tmp_path / "last_good"
    source = ConfigSource(file, {"ANOTHER": "s"})
    assert source.resolve().mistakes == []
    LastGood(kept).keep(source)
    file.write_text("version: 2\ncomponents: []\n")
    (tmp_path / "gateway" / "apps" / "secret").unlink()

    done = run("serve", "-c", file, "--last-good", kept, ANOTHER="s")

    assert done.code == 78
    assert f"{file}:1: version: expected 1" in done.stderr
    assert "nor can the last good configuration be served" in done.stderr
    assert f"{tmp_path}/gateway/apps/a.yaml:1: apps[0].secrets[0]: cannot read the file secret" in done.stderr


def test_the_last_good_one_of_another_folder_has_its_own_plugins(tmp_path: Path) -> None:
    old, new, kept = deploy(tmp_path / "v1"), deploy(tmp_path / "v2", "second"), tmp_path / "last_good"
    source = ConfigSource(old, {"ANOTHER": "s"})
    assert source.resolve().mistakes == []
    LastGood(kept).keep(source)
    new.write_text(new.read_text().replace("use: memory", "use: nothing"))  # its plugin is imported all the same

    with serving(new, kept) as gateway:
        assert told(gateway) == "first"
        new.write_text(old.read_text())
        gateway.stop(signal.SIGHUP)
        until(lambda: len(lines(gateway, "reloaded")) == 1)
        assert told(gateway) == "second"


def test_a_file_that_names_what_does_not_open_is_broken_too(tmp_path: Path) -> None:
    file, kept = deploy(tmp_path / "gateway"), tmp_path / "last_good"
    source = ConfigSource(file, {"ANOTHER": "s"})
    assert source.resolve().mistakes == []
    LastGood(kept).keep(source)
    (file.parent / "plugins" / "shut.py").write_text(
        f"{PLUGIN.format(word='shut')}    async def open(self):\n        raise OSError\n"
    )
    more = 'components: [{path: /a/told/, use: "plugins.shut:Told"}]\n'
    (file.parent / "more" / "a.yaml").write_text(more)

    with serving(file, kept) as gateway:
        assert told(gateway) == "first"
        (line,) = lines(gateway, "last good configuration served")
    assert "'plugins.shut:Told' failed to open" in line["mistakes"][0]


def test_one_that_cannot_be_kept_is_told_and_serves_all_the_same(tmp_path: Path) -> None:
    with serving(deploy(tmp_path / "gateway"), tmp_path / "none" / "last_good") as gateway:
        assert told(gateway) == "first"
        (line,) = lines(gateway, "last good configuration not kept")
        assert (line["level"], line["reason"]) == ("error", "No such file or directory")


# The file


def kept(tmp_path: Path) -> tuple[LastGood, ConfigSource]:
    source = ConfigSource(deploy(tmp_path / "gateway"), {"ANOTHER": "TOPSECRET-variable"})
    assert source.resolve().mistakes == []
    last_good = LastGood(tmp_path / "last_good")
    last_good.keep(source)
    return last_good, source


def test_the_file_is_for_its_user_alone_and_holds_no_more_secrets_than_the_sources(tmp_path: Path) -> None:
    last_good, _ = kept(tmp_path)
    assert stat.S_IMODE(last_good.path.stat().st_mode) == 0o600
    text = last_good.path.read_text()
    assert "TOPSECRET" not in text
    assert "${file:secret}" in text
    assert sorted(os.listdir(tmp_path)) == ["gateway", "last_good"]


def test_what_is_kept_is_resolved_as_it_was_whatever_became_of_the_files(tmp_path: Path) -> None:
    last_good, source = kept(tmp_path)
    environ = source.environ
    before = source.resolve()
    (tmp_path / "gateway" / "apps" / "b.yaml").write_text("apps: [{code: b, secrets: [s]}]")
    (tmp_path / "gateway" / "more" / "a.yaml").unlink()
    source.path.unlink()

    after = last_good.source(environ).resolve()

    assert after.mistakes == []
    assert (after.folder, after.files) == (before.folder, before.files)
    assert after.root == before.root
    assert after.components == before.components
    assert after.services == before.services


def test_a_file_that_cannot_be_replaced_is_the_old_one_and_nothing_lies_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last_good, source = kept(tmp_path)
    before = last_good.path.read_bytes()

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        last_good.keep(source)
    assert last_good.path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["gateway", "last_good"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is no last good configuration"),
        ("version: 1", "it is no last good configuration"),
        ("[]", "it is no last good configuration"),
        ("{}", "it is no last good configuration"),
        ('{"form": 1, "path": "/x", "contents": [], "matches": {}}', "it is no last good configuration"),
        ('{"form": 2}', "it has the form of another version"),
    ],
)
def test_a_file_of_another_kind_is_not_served(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "last_good"
    path.write_text(content)
    with pytest.raises(NothingKept, match=why):
        LastGood(path).source()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_could_have_written_is_not_served(tmp_path: Path, mode: int) -> None:
    last_good, _ = kept(tmp_path)
    last_good.path.chmod(mode)
    with pytest.raises(NothingKept, match="others than the gateway's user can write it"):
        last_good.source()
