"""The command that brings the apps of a file into the database: the difference, what stays, and what is pruned."""

from pathlib import Path

import pytest

from tests.support.documentation import blocks
from tests.support.registry_commands import Commands

APPS = """\
apps:
  - code: monitor
    components: [cc.*]
    grants: [{components: [cmsi.send_sms], until: "2100-06-01T00:00:00Z", reason: alerts}]
    impersonate: [adm*]
    impersonations: [{users: li, components: cc.*}]
    owners: [zhang]
    callbacks: {done: "https://monitor.example.com/done"}
    settings: {region: south}
  - code: billing
"""


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    file = tmp_path / "apps.yaml"
    file.write_text(APPS)
    return file


def changed(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def test_a_dry_run_prints_what_differs_and_writes_nothing(esb: Commands, apps: Path) -> None:
    done = esb("apply", "-f", str(apps), "--dry-run", code=3)
    assert done.stdout.splitlines()[-1] == "9 differ"
    assert '+ monitor: grant {"pattern": "cc.*", "since": null, "until": null, "reason": ""}' in done.stdout
    assert esb.json("app", "list") == []
    assert esb.json("history") == []


def test_apps_are_brought_into_the_database_once(esb: Commands, apps: Path) -> None:
    done = esb("apply", "-f", str(apps))
    assert done.stdout.splitlines()[-1] == "9 changed"
    assert "monitor has no secret yet: esb app secret add monitor" in done.stderr
    app = esb.json("app", "show", "monitor")
    assert [(grant["pattern"], grant["until"], grant["reason"]) for grant in app["grants"]] == [
        ("cc.*", None, ""),
        ("cmsi.send_sms", "2100-06-01T00:00:00Z", "alerts"),
    ]
    assert [(each["users"], each["components"]) for each in app["impersonations"]] == [("adm*", "*"), ("li", "cc.*")]
    assert (app["owners"], app["settings"], app["secrets"]) == (["zhang"], {"region": "south"}, [])
    assert [grant["pattern"] for grant in esb.json("app", "show", "billing")["grants"]] == ["*"]
    assert {row["via"] for row in esb.json("history")} == {"apply"}
    assert esb("apply", "-f", str(apps)).stdout == "nothing differs\n"
    assert esb("apply", "-f", str(apps), "--dry-run").stdout == "nothing differs\n"
    assert len(esb.json("history")) == 9


def test_what_the_file_does_not_name_stays(esb: Commands, apps: Path) -> None:
    esb("apply", "-f", str(apps))
    esb("app", "create", "reports")
    changed(apps, "    owners: [zhang]\n", "")
    changed(apps, "    impersonate: [adm*]\n", "")
    changed(apps, "    settings: {region: south}\n  - code: billing\n", "    settings: {tier: 1}\n")
    assert esb("apply", "-f", str(apps)).stdout.splitlines() == [
        '~ monitor: app {"settings": {}} -> {"settings": {"tier": 1}}',
        "1 changed",
    ]
    app = esb.json("app", "show", "monitor")
    assert (app["owners"], app["settings"]) == (["zhang"], {"region": "south", "tier": 1})
    assert len(app["impersonations"]) == 2
    assert not any(each["disabled"] for each in esb.json("app", "list"))


def test_pruning_takes_away_what_the_file_does_not_name(esb: Commands, apps: Path) -> None:
    esb("apply", "-f", str(apps))
    apps.write_text("apps: [{code: monitor, components: [cc.*]}]\n")
    assert esb("apply", "-f", str(apps), "--prune", "--dry-run", code=3).stdout.splitlines()[-1] == "7 differ"
    esb("apply", "-f", str(apps), "--prune")
    app = esb.json("app", "show", "monitor")
    assert [grant["pattern"] for grant in app["grants"]] == ["cc.*"]
    assert not any(app[key] for key in ("impersonations", "owners", "callbacks", "settings"))
    assert {each["code"]: each["disabled"] for each in esb.json("app", "list")} == {"billing": True, "monitor": False}
    assert esb("apply", "-f", str(apps), "--prune").stdout == "nothing differs\n"


def test_a_reason_that_the_file_does_not_give_stays(esb: Commands, apps: Path) -> None:
    esb("apply", "-f", str(apps))
    changed(apps, ", reason: alerts", "")
    assert esb("apply", "-f", str(apps)).stdout == "nothing differs\n"
    changed(apps, "2100-06-01", "2100-07-01")
    assert '"reason": "alerts"} -> ' in esb("apply", "-f", str(apps)).stdout


def test_disabled_and_expires_count_where_they_are_said(esb: Commands, apps: Path) -> None:
    esb("apply", "-f", str(apps))
    esb("app", "disable", "billing")
    assert esb("apply", "-f", str(apps)).stdout == "nothing differs\n"
    changed(apps, "- code: billing\n", "- {code: billing, disabled: false, expires: '2100-01-01T00:00:00Z'}\n")
    esb("apply", "-f", str(apps))
    app = esb.json("app", "show", "billing")
    assert (app["disabled"], app["expires"]) == (False, "2100-01-01T00:00:00Z")


def test_one_wrong_app_and_nothing_is_written(esb: Commands, apps: Path) -> None:
    changed(apps, "- code: billing", "- code: bill ing")
    assert "the code of an app has no blank" in esb("apply", "-f", str(apps), code=1).stderr
    assert esb.json("app", "list") == []


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("secrets: [hunter2]", "apps.yaml:11: apps[1].secrets: a secret is in no such file"),
        ("owner: [zhang]", "apps.yaml:11: apps[1].owner: unknown key (did you mean 'owners'?)"),
        ("components: ['!cc.*']", "apps.yaml:11: apps[1].components[0]: a glob gives, and cannot take away"),
    ],
)
def test_mistakes_of_the_file_name_their_line(esb: Commands, apps: Path, line: str, mistake: str) -> None:
    apps.write_text(f"{apps.read_text()}    {line}\n")
    done = esb("apply", "-f", str(apps), code=1)
    assert mistake in done.stderr
    assert "hunter2" not in done.output
    assert esb.json("app", "list") == []


def test_a_right_that_is_given_twice_is_refused_unless_both_are_the_same(esb: Commands, apps: Path) -> None:
    once = "    grants: ["
    ended = '{components: [cc.*], until: "2100-01-01T00:00:00Z"}, '
    changed(apps, once, f"{once}{ended}")
    done = esb("apply", "-f", str(apps), code=1)
    assert "apps.yaml:2: apps[0]: the right for 'cc.*' stands here twice, each time by other terms" in done.stderr
    changed(apps, ended, "{components: [cc.*, cc.*]}, ")
    changed(apps, "components: cc.*}]", "components: cc.*}, {users: adm*, reason: tickets}]")
    done = esb("apply", "-f", str(apps), code=1)
    assert "apps.yaml:2: apps[0]: the right for 'adm* *' stands here twice" in done.stderr
    changed(apps, ", reason: tickets", "")
    assert esb("apply", "-f", str(apps)).stdout.splitlines()[-1] == "9 changed"


def test_a_right_that_matches_no_component_is_told_and_taken(esb: Commands, apps: Path) -> None:
    changed(apps, "components: [cc.*]", "components: [cc.host]")
    assert (
        "warning: 'cc.host' matches none of the components that are declared here"
        in esb("apply", "-f", str(apps)).stderr
    )
    assert "cc.host" in [grant["pattern"] for grant in esb.json("grant", "list", "monitor")]


def test_a_file_without_apps_prunes_not_all_of_them(esb: Commands, apps: Path) -> None:
    esb("apply", "-f", str(apps))
    apps.write_text("apps: []\n")
    for more in ((), ("--dry-run",)):
        assert "names no app" in esb("apply", "-f", str(apps), "--prune", *more, code=1).stderr
    assert not any(app["disabled"] for app in esb.json("app", "list"))
    assert esb("apply", "-f", str(apps)).stdout == "nothing differs\n"


def test_what_differs_is_json_for_programs(esb: Commands, apps: Path) -> None:
    first, *others = esb.json("apply", "-f", str(apps))
    assert (first["action"], first["app"], first["before"]) == ("app.create", "monitor", None)
    assert len(others) == 8


@pytest.mark.parametrize("page", ["docs/cli.md", "docs/cli.zh-CN.md"])
def test_the_documented_file_can_be_applied(esb: Commands, tmp_path: Path, page: str) -> None:
    (block,) = blocks(page, "yaml")
    file = tmp_path / "documented.yaml"
    file.write_text(block.text)
    esb("apply", "-f", str(file))
    app = esb.json("app", "show", "monitor")
    assert [grant["pattern"] for grant in app["grants"]] == ["cc.*", "cmsi.send_weixin"]
    assert [each["users"] for each in app["impersonations"]] == ["ops-*", "zhangsan"]
