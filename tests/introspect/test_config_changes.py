"""Changes between two configurations: what is told of them, and of secrets; and that it is worked out once."""

import asyncio
from pathlib import Path

from esb.config import Config, load
from esb.introspect.config_changes import MOST_CHANGES, changes
from esb.introspect.per_config import PerConfig

APPS = "services: {apps: {use: static, config: {apps: [%s]}}}\n"
COMPONENT = "components: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n"


def made(folder: Path, apps: str, environ: dict[str, str] | None = None) -> Config:
    file = folder / "esb.yaml"
    file.write_text(f"version: 1\n{APPS % apps}{COMPONENT}")
    return load(file, environ or {})


def test_a_secret_is_told_by_its_source_and_never_shown(tmp_path: Path) -> None:
    old = made(tmp_path, "{code: a, secrets: ['${SECRET}']}", {"SECRET": "first-secret"})
    new = made(tmp_path, "{code: a, secrets: ['${SECRET}']}", {"SECRET": "second-secret"})
    told = changes(old, new)
    assert told.number == 1
    assert [(each["before"], each["after"]) for each in told.told] == [("*** (${SECRET})", "*** (${SECRET})")]
    assert "secret" not in str(told.told).replace("secrets", "").replace("SECRET", "")
    assert changes(old, old).told == []


def test_what_is_new_is_told_whole_without_its_secrets(tmp_path: Path) -> None:
    told = changes(made(tmp_path, ""), made(tmp_path, "{code: a, secrets: [literal-secret]}"))
    assert "literal-secret" not in str(told.told)
    assert "'code': 'a'" in str(told.told)
    assert "fingerprint" not in str(told.told)


def test_only_the_first_of_many_changes_are_told(tmp_path: Path) -> None:
    def apps(disabled: str) -> str:
        return ", ".join(f"{{code: a{index}, secrets: [s], disabled: {disabled}}}" for index in range(MOST_CHANGES + 7))

    told = changes(made(tmp_path, apps("true")), made(tmp_path, apps("false")))
    assert (len(told.told), told.number) == (MOST_CHANGES, MOST_CHANGES + 7)


async def test_it_is_worked_out_once_for_all_who_ask_and_again_for_another(tmp_path: Path) -> None:
    done: list[Config] = []
    one, other = made(tmp_path, ""), made(tmp_path, "")

    def work_out(config: Config) -> int:
        done.append(config)
        return len(done)

    per_config = PerConfig(work_out)
    assert await asyncio.gather(*(per_config.of(one) for _ in range(3))) == [1, 1, 1]
    assert await per_config.of(other) == 2
    assert [each is one for each in done] == [True, False]
