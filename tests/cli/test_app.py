"""The commands about apps: what they print, what they refuse, and the secret that is printed once."""

import os
import pwd
from pathlib import Path

import pytest

from tests.support.registry_commands import CONFIG, Commands

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
HEXADECIMAL = set("0123456789abcdef")


def test_a_new_app_prints_its_secret_alone_on_stdout(esb: Commands) -> None:
    done = esb("app", "create", "monitor", "--owner", "zhang", "--owner", "li", "--expires", "90d")
    (secret,) = done.stdout.splitlines()
    assert len(secret) == 48
    assert set(secret) <= HEXADECIMAL
    assert done.stderr == "monitor is made; it may call nothing yet: esb grant add monitor PATTERN\n"
    app = esb.json("app", "show", "monitor")
    assert app["owners"] == ["li", "zhang"]
    assert app["created_by"] == ME
    assert [each["hint"] for each in app["secrets"]] == [secret[-4:]]


def test_the_secret_is_nowhere_after_that(esb: Commands) -> None:
    secrets = [
        esb("app", "create", "monitor").stdout.strip(),
        esb("app", "secret", "add", "monitor", "--retire-old-in", "7d").stdout.strip(),
    ]
    shown = [
        esb("app", "show", "monitor").output,
        esb("app", "show", "monitor", "--format", "json").output,
        esb("app", "list", "--format", "json").output,
        esb("history", "--format", "json").output,
        esb("app", "delete", "monitor").output,
        esb("history").output,
        esb("config").output,
    ]
    files = [path for path in esb.file.parent.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"data.db", "esb.yaml"}
    for secret in secrets:
        assert not any(secret in each for each in shown)
        assert not any(secret.encode() in path.read_bytes() for path in files)


def test_the_secret_is_in_no_list_of_processes(esb: Commands) -> None:
    """Commands take none as an argument: only what they print has it."""
    for arguments in (("app", "create", "monitor", "hunter2"), ("app", "secret", "add", "monitor", "hunter2")):
        assert "unexpected extra argument" in esb(*arguments, code=2).stderr


def test_a_secret_that_callers_have_comes_from_standard_input(esb: Commands) -> None:
    done = esb("app", "create", "monitor", "--stdin", given="correct horse battery\n")
    assert "correct" not in done.output
    assert esb.json("app", "show", "monitor")["secrets"][0]["hint"] == "tery"
    refused = esb("app", "secret", "add", "monitor", "--stdin", given="correct horse battery", code=1)
    assert refused.output == "Error: monitor has this secret already, as its secret 1\n"


def test_apps_are_listed_in_the_order_of_their_codes(esb: Commands) -> None:
    esb("app", "create", "monitor")
    esb("app", "create", "billing")
    esb("grant", "add", "billing", "cc.hosts")
    head, billing, monitor = esb("app", "list").stdout.splitlines()
    assert head.split() == [
        *("CODE", "DISABLED", "EXPIRES", "OWNERS", "SECRETS", "GRANTS", "IMPERSONATIONS", "LAST_USED"),
        *("CREATED", "CREATED_BY"),
    ]
    assert billing.split()[:3] == ["billing", "no", "-"]
    assert billing.split()[3:6] == ["1", "1", "0"]
    assert monitor.startswith("monitor")
    assert [app["code"] for app in esb.json("app", "list")] == ["billing", "monitor"]


def test_an_app_is_disabled_enabled_and_deleted(esb: Commands) -> None:
    esb("app", "create", "monitor")
    assert esb("app", "disable", "monitor").stdout == "monitor is disabled\n"
    assert esb("app", "disable", "monitor").stdout == "monitor was disabled already\n"
    assert esb.json("app", "show", "monitor")["disabled"] is True
    assert esb("app", "enable", "monitor").stdout == "monitor is enabled\n"
    assert esb("app", "delete", "monitor").stdout == "monitor is deleted\n"
    assert esb("app", "show", "monitor", code=1).output.startswith("Error: there is no app 'monitor' in the database")
    assert esb.actions() == ["app.create", "app.disable", "app.enable", "app.delete"]


def test_settings_are_json_or_texts(esb: Commands) -> None:
    esb("app", "create", "monitor")
    esb("app", "set", "monitor", "limit=20", 'tags=["a"]', "region=south", "empty=", "equation=a=b", "odd=NaN")
    assert esb.json("app", "show", "monitor")["settings"] == {
        "limit": 20,
        "tags": ["a"],
        "region": "south",
        "empty": "",
        "equation": "a=b",
        "odd": "NaN",
    }
    esb("app", "set", "monitor", "--unset", "tags", "--unset", "empty", "--unset", "odd", "--expires", "2030-01-01")
    app = esb.json("app", "show", "monitor")
    assert app["settings"].keys() == {"limit", "region", "equation"}
    assert app["expires"].startswith("20")
    esb("app", "set", "monitor", "--expires", "never")
    assert esb.json("app", "show", "monitor")["expires"] is None
    assert esb("app", "set", "monitor", "--expires", "never").stdout == "monitor is so already\n"
    assert "nothing to set" in esb("app", "set", "monitor", code=2).stderr
    assert "expected KEY=VALUE" in esb("app", "set", "monitor", "limit", code=2).stderr


def test_an_old_secret_ends_while_the_new_one_begins(esb: Commands) -> None:
    esb("app", "create", "monitor")
    esb("app", "secret", "add", "monitor", "--retire-old-in", "7d", "--until", "90d")
    old, new = esb.json("app", "show", "monitor")["secrets"]
    assert old["until"] < new["until"]
    assert esb("app", "secret", "retire", "monitor", "1").stdout == "secret 1 of monitor has its end\n"
    assert esb("app", "secret", "retire", "monitor", "1").stdout == "secret 1 of monitor ends so already\n"
    ended, _ = esb.json("app", "show", "monitor")["secrets"]
    assert ended["until"] < old["until"]
    assert "monitor has no secret '3'; it has '1', '2'" in esb("app", "secret", "retire", "monitor", "3", code=1).stderr


def test_owners_and_callbacks_come_and_go(esb: Commands) -> None:
    esb("app", "create", "monitor")
    assert esb("app", "owner", "add", "monitor", "zhang").stdout == "zhang owns monitor\n"
    assert esb("app", "owner", "add", "monitor", "zhang").stdout == "zhang owns monitor already\n"
    assert esb("app", "owner", "remove", "monitor", "zhang").stdout == "zhang no longer owns monitor\n"
    added = esb("app", "callback", "add", "monitor", "done", "https://monitor.example.com/done?key=hunter2")
    assert added.stdout == "monitor has the callback done\n"
    assert esb.json("app", "show", "monitor")["callbacks"] == [
        {"name": "done", "url": "https://monitor.example.com/done?***"}
    ]
    refused = esb("app", "callback", "resume", "monitor", "done", code=1)
    assert "monitor has no callback that is switched off 'done'" in refused.stderr
    assert esb("app", "callback", "remove", "monitor", "done").stdout == "monitor no longer has the callback done\n"


@pytest.mark.parametrize(
    ("time", "why"),
    [("yesterday", "or so long from now: 90d, 12h"), ("2020-01-01", "2020-01-01 is past"), ("0d", "0d is past")],
)
def test_an_end_is_to_come(esb: Commands, time: str, why: str) -> None:
    assert why in " ".join(esb("app", "create", "monitor", "--expires", time, code=2).stderr.split())


# The database


def test_without_a_database_the_command_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(CONFIG.format(database=""))
    done = Commands(file)("app", "list", code=78)
    assert done.stderr == f"there is no services.database in {file}: `esb key new` prints a key for one\n"


def test_what_else_is_wrong_with_the_configuration_does_not_matter(esb: Commands) -> None:
    esb("app", "create", "monitor")
    esb.file.write_text(esb.file.read_text() + "  - {path: /x/y/, use: nothing, secret: '${UNSET}'}\n")
    assert esb("app", "disable", "monitor").stdout == "monitor is disabled\n"


def test_an_app_that_is_meant_perhaps_is_named(esb: Commands) -> None:
    esb("app", "create", "monitor")
    esb("app", "create", "%")
    assert (
        "there is no app 'montor' in the database; did you mean 'monitor'?"
        in esb("app", "show", "montor", code=1).stderr
    )
    for code in ("storage", "%%%%%%%%", ""):
        assert "`esb app list` tells" in esb("app", "show", code, code=1).stderr
