"""The command that lists who changed what."""

import os
import pwd

import pytest

from tests.support.registry_commands import Commands

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture
def written(esb: Commands) -> Commands:
    esb("app", "create", "monitor")
    esb("app", "create", "billing")
    esb("grant", "add", "monitor", "cc.*", "--reason", "alerts")
    return esb


def test_the_history_has_the_newest_first(written: Commands) -> None:
    rows = written.json("history")
    assert [(row["action"], row["app"], row["actor"], row["via"]) for row in rows] == [
        ("grant.add", "monitor", ME, "cli"),
        ("app.create", "billing", ME, "cli"),
        ("app.create", "monitor", ME, "cli"),
    ]
    assert rows[0]["before"] is None
    assert rows[0]["after"] == {"pattern": "cc.*", "since": None, "until": None, "reason": "alerts"}


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("--app", "monitor"), 2),
        (("--action", "app.create"), 2),
        (("--actor", ME), 3),
        (("--actor", "admin:ops"), 0),
        (("--since", "1h"), 3),
        (("--since", "2100-01-01"), 0),
        (("--limit", "1"), 1),
        (("--app", "monitor", "--action", "grant.add"), 1),
    ],
)
def test_the_history_is_sifted(written: Commands, options: tuple[str, ...], count: int) -> None:
    assert len(written.json("history", *options)) == count


def test_an_action_that_there_is_none_of_is_refused(written: Commands) -> None:
    refused = written("history", "--action", "grant.ad", code=2).stderr
    assert "'grant.ad' is not one of 'app.create'" in refused
    assert "'grant.add'" in refused


def test_an_app_that_never_was_is_refused_and_one_that_is_gone_is_not(written: Commands) -> None:
    refused = written("history", "--app", "montor", code=1).stderr
    assert refused == "Error: there is no app 'montor' in the database; did you mean 'monitor'?\n"
    written("app", "delete", "monitor")
    assert len(written.json("history", "--app", "monitor")) == 3
    assert written.json("history", "--app", "monitor", "--action", "app.enable") == []


def test_the_table_has_a_line_for_each_change(written: Commands) -> None:
    head, newest, *_ = written("history").stdout.splitlines()
    assert head.split() == ["AT", "ACTOR", "VIA", "ACTION", "APP", "BEFORE", "AFTER"]
    assert newest.split()[1:6] == [ME, "cli", "grant.add", "monitor", "-"]
