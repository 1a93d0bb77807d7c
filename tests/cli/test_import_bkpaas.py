"""`esb import bkpaas`: the plan for the tables of either ESB, and what is written of it."""

import gzip
import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from esb.cli.main import main
from esb.config import load
from tests.support.registry_commands import commands
from tests.support.repository import ROOT

DUMPS = ROOT / "tests" / "cli" / "bkpaas" / "old_esb"
LEGACY, CURRENT = str(DUMPS / "bk_paas.sql"), str(DUMPS / "apigateway.sql")
SECRET = "5ec4e7"
"""The beginning of all secrets in the dumps."""


def bkpaas(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["import", "bkpaas", *arguments])


def plan(*arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """Return the plan as JSON."""
    done = bkpaas(*arguments, "--format", "json")
    assert done.exit_code == exit_code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(*arguments: str) -> str:
    """Return what is said on stderr, without the beginning."""
    done = bkpaas(*arguments)
    assert (done.exit_code in {1, 2}, done.stdout) == (True, "")
    return done.stderr.partition("Error: ")[2].strip()


def grants(found: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(each["app"], each["component"]): each["until"] for each in found["grants"]}


def losses(found: dict[str, Any]) -> dict[str, str]:
    """Return why something is not carried over, by its name."""
    return {each["what"]: each["why"] for each in found["not_carried_over"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ESB_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Path:
    """A folder with an esb.yaml that describes an empty database."""
    commands(folder, f"sqlite:///{folder}/esb.db")
    return folder


def table(folder: Path, name: str, *rows: Sequence[object]) -> str:
    """Write a CSV file, and return its path."""
    path = folder / f"{name}.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return str(path)


def paths(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["stanza"] for each in found["components"]]


def rows(folder: Path) -> dict[str, list[Any]]:
    """Return all that stands in the database of a folder, by table."""
    with closing(sqlite3.connect(folder / "esb.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}  # noqa: S608 - ours


CHANNELS = ("id", "path", "component_codename", "perm_level")
PERMS = ("app_code", "component_id", "expires", "last_accessed_time")


# The plan


@pytest.mark.parametrize(("dump", "options"), [(LEGACY, ()), (CURRENT, ("--board", "default"))])
@pytest.mark.parametrize(("form", "ending"), [("text", "txt"), ("json", "json")])
def test_the_plan_of_each_generation_is_the_one_that_is_kept_twice(
    dump: str, options: Sequence[str], form: str, ending: str
) -> None:
    kept = Path(dump).with_suffix(f".plan.{ending}").read_text()
    for _ in range(2):
        assert bkpaas(dump, *options, "--format", form).stdout == kept


def test_no_plan_and_no_yaml_shows_a_secret(database: Path) -> None:
    for dump, options in ((LEGACY, ()), (CURRENT, ("--board", "default"))):
        for form in ("text", "json"):
            for more in (("-o", f"{Path(dump).stem}_{form}"), ("--apply",)):
                done = bkpaas(dump, *options, "--expired", "keep", "--format", form, *more)
                assert (done.exit_code, SECRET in done.output) == (0, False), done.output
    written = [*database.glob("esb.db*"), *database.rglob("*.yaml")]
    assert len(written) >= 1 + 4 * 2
    assert all(SECRET.encode() not in path.read_bytes() for path in written)


def test_rights_that_are_over_must_be_decided_before_anything_is_written(database: Path) -> None:
    done = bkpaas(LEGACY, "--apply", "-o", "old")
    assert done.exit_code == 1
    assert "monitor  cmsi.send_weixin  2019-08-28 02:00  2026-11-29 23:59" in done.stdout
    assert "--expired drop" in done.stdout
    assert not (database / "old").exists()
    assert rows(database)["app"] == []


def test_rights_that_are_over_are_dropped_kept_or_extended() -> None:
    over = ("monitor", "cmsi.send_weixin")

    def decided(choice: str) -> tuple[Any, Any]:
        (grant,) = (
            each for each in plan(LEGACY, "--expired", choice)["grants"] if (each["app"], each["component"]) == over
        )
        return grant["decision"], grant["until"]

    assert decided("drop") == ("dropped", "2019-08-28T02:00:00Z")
    assert decided("keep") == ("kept", None)
    fate, until = decided("extend=90d")
    assert (fate, until > "2026") == ("extended", True)


@pytest.mark.parametrize("choice", ["", "all", "extend", "extend=0d", "extend=90", "extend=9999d"])
def test_another_choice_is_refused(choice: str) -> None:
    assert "expected drop, keep, or extend=90d" in refusal(LEGACY, "--expired", choice)


def test_a_right_of_the_dashboard_counts_by_its_own_end() -> None:
    found = plan(CURRENT, "--board", "default")
    assert grants(found)["bk_sops", "cmsi.send_weixin"] == "2090-01-01T00:00:00Z"
    assert grants(found)["bk_job", "bk_login.get_user"] is None
    assert "its component has no channel" not in str(losses(found))


def test_times_are_of_the_zone_that_is_named(folder: Path) -> None:
    channel = table(folder, "esb_channel", CHANNELS, (1, "/cc/x/", "generic.cc.x", 1))
    perm = table(folder, "esb_app_component_perm", PERMS, ("a", 1, "2090-01-01 08:00:00", "2026-01-01 00:00:00"))
    assert grants(plan(channel, perm))["a", "cc.x"] == "2090-01-01T08:00:00Z"
    assert grants(plan(channel, perm, "--timezone", "Asia/Shanghai"))["a", "cc.x"] == "2090-01-01T00:00:00Z"
    assert "time zone" in refusal(channel, "--timezone", "Mars/Olympus")


def test_a_right_that_is_open_in_one_version_only_does_not_open_the_other(folder: Path) -> None:
    rows = ((1, "/cc/x/", "generic.cc.x", 0), (2, "/v2/cc/x/", "generic.v2.cc.x", 2))
    found = plan(table(folder, "esb_channel", CHANNELS, *rows))
    assert found["open"] == ["cc.x"]
    assert [(each["component"], each["channels"][0]["path"]) for each in found["collisions"]] == [
        ("cc.x_2", "/v2/cc/x/")
    ]


def test_a_right_for_one_version_opens_both_and_the_plan_says_for_whom(folder: Path) -> None:
    rows = ((1, "/cc/x/", "generic.cc.x", 1), (2, "/v2/cc/x/", "generic.v2.cc.x", 1))
    never = "2100-01-01 00:00:00"
    perms = (("a", 1, never, ""), ("b", 2, never, ""), ("b", 1, never, ""))
    perm = table(folder, "esb_app_component_perm", PERMS, *perms)
    found = plan(table(folder, "esb_channel", CHANNELS, *rows), perm)
    assert grants(found) == {("a", "cc.x"): None, ("b", "cc.x"): None}
    (collision,) = found["collisions"]
    assert ([each["id"] for each in collision["channels"]], collision["gains"]) == ([1, 2], ["a"])


@pytest.mark.parametrize("wlist", ["a,b", "a;b", " a ;; b, ", '["a", "b"]', "['a', 'b']", "a\nb"])
def test_a_list_of_names_may_have_any_form(folder: Path, wlist: str) -> None:
    dump = folder / "dump.sql"
    written = wlist.replace("'", "''")
    columns = "esb_function_controller (func_code, switch_status, wlist)"
    dump.write_text(f"INSERT INTO {columns} VALUES ('user_auth::skip_user_auth', 1, '{written}');")  # noqa: S608 - read
    assert [each["app"] for each in plan(str(dump))["impersonations"]] == ["a", "b"]


def test_codes_that_are_one_for_mysql_are_one_app(folder: Path) -> None:
    apps = table(folder, "paas_app", ("code", "auth_token"), ("Monitor", "x"))
    account = table(folder, "esb_app_account", ("app_code", "app_token"), ("monitor ", "y"))
    found = plan(apps, account)
    assert found["apps"] == [{"code": "Monitor", "secrets": ["paas_app.auth_token", "esb_app_account.app_token"]}]
    assert "by MySQL's rules" in losses(found)["monitor "]


# What is read


def test_a_dump_may_be_packed_or_come_by_stdin_or_in_another_coding(folder: Path) -> None:
    plain = Path(LEGACY).read_bytes()
    whole = plan(LEGACY, exit_code=1)
    for name, content in {
        "packed.sql.gz": gzip.compress(plain, mtime=0),
        "bom.sql": b"\xef\xbb\xbf" + plain,
        "powershell.sql": plain.decode().encode("utf-16"),
        "dos.sql": plain.replace(b"\n", b"\r\n"),
    }.items():
        (folder / name).write_bytes(content)
        assert plan(name, exit_code=1) == {**whole, "files": [name]}


def test_a_dump_comes_by_stdin() -> None:
    command = (sys.executable, "-m", "esb", "import", "bkpaas", "-", "--format", "json")
    done = subprocess.run(command, input=Path(LEGACY).read_bytes(), capture_output=True, check=False)
    assert json.loads(done.stdout) == {**plan(LEGACY, exit_code=1), "files": ["stdin"]}


def test_a_dump_in_an_unknown_coding_has_a_plan_all_the_same(folder: Path) -> None:
    text = "INSERT INTO paas_app (code, auth_token) VALUES ('monitor', 'x'), ('标准', 'y'), ('reports', '密');"
    (folder / "dump.sql").write_bytes(text.encode("gbk"))
    found = plan("dump.sql")
    assert found["apps"] == [
        {"code": "monitor", "secrets": ["paas_app.auth_token"]},
        {"code": "reports", "secrets": []},
    ]
    assert [(each["kind"], each["table"]) for each in found["not_carried_over"]] == [
        ("app", "paas_app"),
        ("secret", "paas_app"),
    ]
    assert bkpaas("dump.sql", "-o", "old").exit_code == 0


def test_a_channel_without_a_number_is_left_behind(folder: Path) -> None:
    found = plan(table(folder, "esb_channel", CHANNELS, ("id", "/cc/x/", "generic.cc.x", 1)))
    assert losses(found) == {"/cc/x/": "not carried over: it has no number"}


def test_tables_may_be_declared_in_another_file(folder: Path) -> None:
    """As mydumper writes them."""
    (folder / "bk.paas_app-schema.sql").write_text(
        "CREATE TABLE `paas_app` (`id` int, `auth_token` text, `code` text);"
    )
    (folder / "bk.paas_app.sql").write_text("INSERT INTO `paas_app` VALUES(1,'x','monitor');")
    assert plan("bk.paas_app-schema.sql", "bk.paas_app.sql")["apps"] == [
        {"code": "monitor", "secrets": ["paas_app.auth_token"]}
    ]


def test_csv_files_are_read_as_tables(folder: Path) -> None:
    """As the dump has them: with quotes, with NULL in either form, with tabs as `mysql --batch` writes them."""
    config = '{""wx_type"": ""qy"", ""wx_qy_corpid"": ""ww1""}'
    columns = "id,path,component_codename,permission_level,config"
    channel = f'7,/cmsi/send_weixin/,generic.cmsi.send_weixin,normal,"{config}"'
    (folder / "esb_channel.csv").write_text(f"{columns}\r\n{channel}\r\n")
    (folder / "bk_esb.esb_app_component_permission.tsv").write_text(
        "bk_app_code\tcomponent_id\texpires\tboard\na\t7\tNULL\tdefault\nb\t7\t2090-01-01 00:00:00\tdefault\n"
    )
    (folder / "esb_app_account.csv.gz").write_bytes(
        gzip.compress("\ufeffAPP_CODE;app_token\na;x\nc;\\N\n".encode(), mtime=0)
    )
    found = plan(*map(str, sorted(folder.iterdir())))
    assert grants(found) == {("a", "cmsi.send_weixin"): None, ("b", "cmsi.send_weixin"): "2090-01-01T00:00:00Z"}
    assert {each["code"]: len(each["secrets"]) for each in found["apps"]} == {"a": 1, "b": 0, "c": 0}
    assert found["components"][0]["stanza"]["config"] == {"wx_type": "qy", "wx_qy_corpid": "ww1"}


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("users.csv", "a,b\n1,2\n", "file: the name of a CSV file is that of its table"),
        ("paas_app.csv", "1,monitor,s3cret\n", "file: the first line names no column of this table"),
        ("paas_app.csv", "code,auth_token\na,s3cret,x\n", "file: a row of 3 fields for 2 columns"),
        ("paas_app.csv", "code,name\na,s3cret\n", "paas_app: the table has no column auth_token"),
        ("dump.sql", "INSERT INTO paas_app (code, auth_token) VALUES ('s3cret'", "was cut off"),
        ("dump.sql", "CREATE TABLE x (id int);", "there is no table of an old ESB in it"),
        ("dump.sql.xz", b"\xfd7zXZ\x00 s3cret", "packed by xz: unpack it first"),
        (
            "dump.sql.gz",
            gzip.compress(b"CREATE TABLE paas_app (code text);" * 99, mtime=0)[:-9],
            "the gzip file is damaged",
        ),
    ],
)
def test_what_cannot_be_read_is_told_and_not_quoted(folder: Path, name: str, content: str | bytes, text: str) -> None:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    said = refusal(name)
    assert (text in said, "s3cret" in said) == (True, False), said


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    assert refusal("nowhere.sql") == "nowhere.sql:1: file: cannot be read: No such file or directory"


def test_tables_of_two_boards_need_a_choice_and_those_of_two_esbs_are_refused() -> None:
    assert "several boards: default, other. Add --board NAME" in refusal(CURRENT)
    assert "there is default, other" in refusal(CURRENT, "--board", "test")
    assert "are of two ESBs" in refusal(CURRENT, LEGACY)
    assert [each["path"] for each in paths(plan(CURRENT, "--board", "other"))] == ["/cmsi/send_mail/"]


# What is written


def test_apps_secrets_and_rights_are_in_the_database_and_a_second_time_changes_nothing(database: Path) -> None:
    before = rows(database)
    done = bkpaas(LEGACY, "--expired", "extend=90d", "--apply")
    assert done.stdout.splitlines()[-1] == "written: 5 apps, 5 secrets, 25 grants, 2 impersonations"
    after = rows(database)
    assert before != after
    for _ in range(2):
        again = bkpaas(LEGACY, "--expired", "extend=90d", "--apply")
        assert again.exit_code == 0
        assert again.stdout.splitlines()[-1] == "the database has all of it already: nothing was written"
        assert rows(database) == after


def test_without_a_database_nothing_can_be_applied(folder: Path) -> None:
    (folder / "esb.yaml").write_text(
        "version: 1\nservices: {apps: {use: static, config: {apps: []}}}\ncomponents: []\n"
    )
    done = bkpaas(LEGACY, "--expired", "drop", "--apply")
    assert (done.exit_code, "services.database" in done.stderr) == (78, True)


def test_an_app_that_the_database_does_not_take_is_told_and_the_others_are_written(database: Path) -> None:
    apps = table(database, "paas_app", ("code", "auth_token"), ("a" * 200, "x"), ("b", "y"))
    done = bkpaas(apps, "--apply")
    assert (done.exit_code, "aaa is not written: the code of an app has 1 to 128" in done.stderr) == (1, True)
    assert "written: 1 apps, 1 secrets" in done.stderr


def test_the_files_make_a_gateway_of_which_check_finds_nothing_wrong(folder: Path) -> None:
    (folder / "esb.yaml").touch()
    done = bkpaas(LEGACY, "--expired", "keep", "-o", "old")
    assert (done.exit_code, str(Path("old") / "apps.yaml") in done.stdout) == (0, True)
    (folder / "esb.yaml").write_text(
        "version: 1\ninclude: [old/components.yaml]\n"
        "services: {apps: {use: static, config: {include: [old/apps.yaml]}}}\n"
    )
    checked = CliRunner().invoke(main, ["check"])
    assert checked.exit_code == 0, checked.output
    assert "ok: 5 components" in checked.stdout
    for path in (folder / "old" / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = load(folder / "esb.yaml")
    apps = {each["code"]: each for each in config.services["apps"].config.value["apps"]}
    assert apps["monitor"]["secrets"] == [f"{SECRET}-of-monitor-by-paas", f"{SECRET}-of-monitor-by-account"]
    assert apps["script"]["secrets"] == [f"{SECRET}-'quoted'-of-script"]
    assert "cmsi.send_weixin" in apps["monitor"]["components"]
    stanzas = {stanza.name: stanza for stanza in config.components}
    assert stanzas["cmsi.send_weixin"].config.value["wx_qy_corpsecret"] == f"{SECRET}-corpsecret"
    assert stanzas["cmsi.send_weixin"].aliases == ("/v2/cmsi/send_weixin/",)
    assert stanzas["hr.people"].config.value["params"] == {"key": f"{SECRET}-param", "version": 2}


@pytest.mark.parametrize(("other", "stanzas"), [("qy", 1), ("mp", 2)])
def test_versions_of_a_channel_are_one_component_unless_they_differ(folder: Path, other: str, stanzas: int) -> None:
    columns = "esb_channel (id, path, component_codename, perm_level, comp_conf)"
    config = (
        '[["wx_type", "$"], ["wx_qy_corpid", "ww1"], ["wx_app_id", "wx1"], ["wx_secret", "s"], ["wx_template_id", "t"]]'
    )
    one, two = config.replace("$", "qy"), config.replace("$", other)
    sending = "generic.cmsi.send_weixin"
    (folder / "dump.sql").write_text(
        f"INSERT INTO {columns} VALUES (1, '/cmsi/send_weixin/', '{sending}', 1, '{one}'),"  # noqa: S608 - it is read
        f"(2, '/v2/cmsi/send_weixin/', '{sending}', 1, '{two}'),"
        "(3, '/cmsi/send_msg/', 'generic.cmsi.send_msg', 0, '');"
    )
    assert bkpaas("dump.sql", "-o", "old").exit_code == 0
    (folder / "esb.yaml").write_text(
        "version: 1\ninclude: [old/components.yaml]\nservices: {apps: {use: static, config: {apps: []}}}\n"
    )
    found = load(folder / "esb.yaml")
    assert (found.mistakes, len(found.components)) == ([], stanzas + 1)
    assert {stanza.name for stanza in found.components} == {"cmsi.send_weixin", "cmsi.send_msg"}
    assert CliRunner().invoke(main, ["check"]).exit_code == 0


def test_files_that_are_there_stay_as_they_are(folder: Path) -> None:
    arguments = (LEGACY, "--expired", "keep", "-o", "old")
    assert bkpaas(*arguments).exit_code == 0
    again = bkpaas(*arguments)
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (0, "old: nothing to write, all is there")
    edited = folder / "old" / "apps.yaml"
    edited.write_text("version: 1\napps: []\n")
    (folder / "old" / "components.yaml").unlink()
    third = bkpaas(*arguments)
    assert (third.exit_code, "old/apps.yaml" in third.stderr) == (1, True)
    assert not (folder / "old" / "components.yaml").exists()


def test_apps_that_are_in_the_database_are_not_in_the_files_too(database: Path) -> None:
    assert bkpaas(LEGACY, "--expired", "drop", "--apply", "-o", "old").exit_code == 0
    assert [path.name for path in (database / "old").glob("*.yaml")] == ["components.yaml"]


def test_methods_of_a_self_service_path_have_their_own_secrets(folder: Path) -> None:
    columns = "esb_buffet_component (id, registed_path, registed_http_method, dest_url, extra_headers)"
    (folder / "dump.sql").write_text(
        f"INSERT INTO {columns} VALUES (1, '/hr/x/', 'GET', 'http://hr.example.com/x', '{{\"X-Key\": \"one\"}}'),"  # noqa: S608
        "(2, '/hr/x/', 'POST', 'http://hr.example.com/x', '{\"X-Key\": \"two\"}');"
    )
    assert bkpaas("dump.sql", "-o", "old").exit_code == 0
    (folder / "esb.yaml").write_text(
        "version: 1\ninclude: [old/components.yaml]\nservices: {apps: {use: static, config: {apps: []}}}\n"
    )
    stanzas = load(folder / "esb.yaml").components
    assert [stanza.config.value["headers"]["X-Key"] for stanza in stanzas] == ["one", "two"]


def test_names_of_files_with_secrets_lead_nowhere_else(folder: Path) -> None:
    codes = (("../../etc/x", "1"), (".hidden", "2"), ("a}b", "3"))
    apps = table(folder, "paas_app", ("code", "auth_token"), *codes)
    assert bkpaas(apps, "-o", "deep/old").exit_code == 0
    names = sorted(path.name for path in (folder / "deep" / "old" / "secrets").iterdir())
    assert names == ["%2E.%2F..%2Fetc%2Fx-1", "%2Ehidden-1", "a%7Db-1"]
    assert "${file:secrets/a%7Db-1}" in (folder / "deep" / "old" / "apps.yaml").read_text()
