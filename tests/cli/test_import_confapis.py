"""`esb import confapis`: what it writes is served, and what it cannot carry over is named."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from esb.cli.main import main
from esb.cli.stanza_writer import document
from esb.config import load
from esb.config.yaml import read
from tests.support.configuration import DEMO, SERVICES
from tests.support.gateway import OpenGateway, OpenServer
from tests.support.servers.recorder import Recorder, recording

TASKS = """\
    ---
    - path: /v2/tasks/get_list/
      name: get_list
      label: 查询列表
      label_en: Query list
      method: GET
      api_type: query
      comp_codename: generic.v2.tasks.tasks_component
      dest_path: /o/tasks/list/{bk_biz_id}/
      dest_http_method: GET
    - path: v2/tasks/create
      name: create
      label: 新建
      suggest_method: POST
      api_type: operate
      comp_codename: generic.v2.tasks.tasks_component
      dest_path: o/tasks/{template_id}/{bk_biz_id}/?from=esb
      dest_http_method: POST
      extra_param_fields: [creator, bk_supplier_account]
      timeout: 7
    - path: /v2/tasks/items/{id}/
      name: items
      label: 'On: "all"'
      method: GET PUT DELETE
      comp_codename: generic.v2.tasks.tasks_component
      dest_path: /o/items/{id}/
      dest_http_method: DELETE
"""


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


class Importing:
    """The command, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def declare(self, text: str, name: str = "tasks.yaml") -> str:
        path = self._folder / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return str(path)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["import", "confapis", *arguments])

    def notes(self, text: str) -> list[str]:
        """Return the lines on stderr about this declaration, without the folder."""
        done = self.run(self.declare(text), "--host", "tasks=http://tasks.example.com")
        return [line.removeprefix(f"{self._folder}/") for line in done.stderr.splitlines()]

    def stanzas(self, text: str) -> list[dict[str, Any]]:
        """Return the components of the output, read again."""
        done = self.run(self.declare(text), "--host", "tasks=http://tasks.example.com")
        assert done.exit_code == 0, done.stderr
        components: list[dict[str, Any]] = read(done.stdout, "out")[0].value["components"]
        return components


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    return Importing(tmp_path)


def declaration(**changes: str | None) -> str:
    """A declaration with nothing to note, but for these keys."""
    keys: dict[str, str | None] = {
        "path": "/v2/tasks/get/",
        "label": "L",
        "method": "GET",
        "dest_path": "/o/get/",
        "dest_http_method": "GET",
        **changes,
    }
    return "- " + "\n  ".join(f"{key}: {value}" for key, value in keys.items() if value is not None) + "\n"


# What is written


async def test_every_component_reaches_the_upstream_as_it_was_declared(
    importing: Importing, open_gateway: OpenGateway, upstream: Recorder, tmp_path: Path
) -> None:
    output = tmp_path / "components.yaml"
    done = importing.run(importing.declare(TASKS), "--host", f"tasks={upstream.url}", "-o", str(output))
    assert (done.exit_code, done.stdout) == (0, "")
    gateway = await open_gateway(config=f"{SERVICES}include: [components.yaml]\n")
    envelope = await gateway.request(
        "GET", "/api/c/compapi/v2/tasks/get_list/", params={**DEMO, "bk_biz_id": "2", "page": "1"}
    )
    assert (await envelope.json())["result"]
    assert (upstream.last.method, upstream.last.target) == ("GET", "/o/tasks/list/2/?page=1")
    await gateway.call("v2/tasks/create", bk_biz_id=2, template_id=3, name="N", creator="root")
    assert (upstream.last.method, upstream.last.target) == ("POST", "/o/tasks/3/2/")
    assert json.loads(upstream.last.body) == {
        "name": "N",
        "creator": "admin",
        "bk_supplier_account": "0",
        "from": "esb",
    }
    await gateway.request("PUT", "/api/c/compapi/v2/tasks/items/7/", json={**DEMO, "a": 1})
    assert (upstream.last.method, upstream.last.target, upstream.last.body) == ("DELETE", "/o/items/7/", b'{"a":1}')
    assert upstream.last.headers["Bk-Username"] == "admin"


def test_what_is_written_is_what_a_person_would_write(importing: Importing) -> None:
    done = importing.run(importing.declare(TASKS), "--host", "tasks=http://a", "--host", "tasks=http://b")
    assert done.stdout == textwrap.dedent(
        """\
        # Written by `esb import confapis` from tasks.yaml.
        version: 1
        components:
          - path: /v2/tasks/get_list/
            description: "查询列表 / Query list"
            methods: [GET]
            use: http
            config:
              hosts: ["http://a", "http://b"]
              path: /o/tasks/list/{bk_biz_id}/
              method: GET
              kind: query
          - path: /v2/tasks/create/
            description: "新建"
            methods: [POST, GET]
            use: http
            timeout: 7
            config:
              hosts: ["http://a", "http://b"]
              path: /o/tasks/{template_id}/{bk_biz_id}/
              method: POST
              kind: operate
              username_param: creator
              defaults:
                bk_supplier_account: "0"
              params:
                from: esb
          - path: /v2/tasks/items/{id}/
            description: "On: \\"all\\""
            methods: [GET, PUT, DELETE]
            use: http
            config:
              hosts: ["http://a", "http://b"]
              path: /o/items/{id}/
              method: DELETE
              send: json
        """
    )


def test_it_passes_check(importing: Importing, tmp_path: Path) -> None:
    importing.run(importing.declare(TASKS), "--host", "tasks=https://a", "-o", str(tmp_path / "components.yaml"))
    (tmp_path / "esb.yaml").write_text("version: 1\ninclude: [components.yaml]\n")
    done = CliRunner().invoke(main, ["check", "-c", str(tmp_path / "esb.yaml")])
    assert (done.exit_code, done.stdout) == (0, "ok: 3 components\n")


def test_several_files_make_one(importing: Importing) -> None:
    other = declaration(path="/jobs/run/")
    files = importing.declare(TASKS), importing.declare(other, "jobs.yaml")
    done = importing.run(*files, "--host", "tasks=http://a", "--host", "jobs=http://b")
    assert done.stdout.startswith("# Written by `esb import confapis` from tasks.yaml, jobs.yaml.\n")
    assert done.stdout.count("use: http") == 4


@pytest.mark.parametrize(
    ("suggested", "methods"), [(None, ["GET", "POST"]), ("GET", ["GET", "POST"]), ("POST", ["POST", "GET"])]
)
def test_without_a_method_get_and_post_are_served(
    importing: Importing, suggested: str | None, methods: list[str]
) -> None:
    [stanza] = importing.stanzas(declaration(method=None, suggest_method=suggested))
    assert stanza["methods"] == methods


@pytest.mark.parametrize(("method", "send"), [("GET", None), ("POST", None), ("PUT", None), ("DELETE", "json")])
def test_parameters_go_where_the_old_gateway_sent_them(importing: Importing, method: str, send: str | None) -> None:
    [stanza] = importing.stanzas(declaration(dest_http_method=method))
    assert stanza["config"].get("send") == send


# What is said


def test_a_system_without_a_host_is_named(importing: Importing) -> None:
    files = importing.declare(TASKS), importing.declare(declaration(path="/jobs/run/"), "jobs.yaml")
    done = importing.run(*files, "--host", "other=http://a")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no host is known for: jobs, tasks. Add --host jobs=URL --host tasks=URL" in done.stderr


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("tasks", "'tasks' is not of the form SYSTEM=URL"),
        ("=http://a", "'=http://a' is not of the form SYSTEM=URL"),
        ("tasks=ftp://a", "'tasks=ftp://a': not a URL such as http://host:8000"),
        ("tasks=http://169.254.169.254", "link-local or metadata"),
    ],
)
def test_a_host_that_is_none_is_refused(importing: Importing, host: str, text: str) -> None:
    done = importing.run(importing.declare(TASKS), "--host", host)
    assert done.exit_code == 2
    assert text in done.stderr


def test_a_host_that_nobody_needs_is_named(importing: Importing) -> None:
    done = importing.run(importing.declare(TASKS), "--host", "tasks=http://a", "--host", "job=http://b")
    assert done.exit_code == 0
    assert "--host job: no file declares a component of this system" in done.stderr


def test_nothing_is_said_where_all_is_carried_over(importing: Importing) -> None:
    assert importing.notes(declaration(name="get", label_en="E", api_type="query", is_hidden="false")) == []


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"is_hidden": "true"}, "tasks.yaml:6: [0].is_hidden: not carried over: it concerned the documentation only"),
        (
            {"dest_host_group": "pms"},
            "tasks.yaml:6: [0].dest_host_group: not carried over: the component got the hosts",
        ),
        (
            {"permission_level": "normal"},
            "tasks.yaml:6: [0].permission_level: not carried over: there is no key like it",
        ),
        ({"name": "other"}, "tasks.yaml:6: [0].name: not carried over: permissions and logs call the component 'get'"),
        ({"api_type": "both"}, "tasks.yaml:6: [0].api_type: not carried over: expected query or operate"),
        ({"extra_param_fields": "[x]"}, "tasks.yaml:6: [0].extra_param_fields: 'x' is not carried over"),
        ({"comp_codename": "generic.x"}, "tasks.yaml:6: [0].comp_codename: generic.x: what its code does besides"),
        ({"label": "A\n  label: B"}, "tasks.yaml:3: [0].label: duplicate key"),
    ],
)
def test_what_is_not_carried_over_is_named_with_its_place(
    importing: Importing, changes: dict[str, str], note: str
) -> None:
    [said] = importing.notes(declaration(**changes))
    assert said.startswith(note)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"dest_path": None}, "[0].dest_path: left out: missing"),
        ({"path": "/v2/tasks/a b/"}, "[0].path: left out: a path is made of"),
        ({"dest_path": "/o/{a b}/"}, "[0].dest_path: left out: a {variable} is made of"),
        ({"dest_http_method": "FETCH"}, "[0].dest_http_method: left out: unknown method"),
        ({"method": "FETCH"}, "[0].method: left out: it names no known method"),
    ],
)
def test_what_makes_no_component_is_left_out_and_named(
    importing: Importing, changes: dict[str, str | None], note: str
) -> None:
    said, *_ = importing.notes(declaration(**changes))
    assert note in said
    assert len(importing.stanzas(declaration(**changes) + declaration(path="/v2/tasks/good/"))) == 1


def test_of_two_for_the_same_path_the_first_one_stays(importing: Importing) -> None:
    twice = declaration(dest_path="/first/") + declaration(dest_path="/second/") + declaration(method="POST")
    assert [stanza["config"]["path"] for stanza in importing.stanzas(twice)] == ["/first/", "/o/get/"]
    [said] = importing.notes(twice)
    assert "[1].path: left out: declared twice, the first one stays" in said


def test_a_class_is_named_once(importing: Importing) -> None:
    assert len([note for note in importing.notes(TASKS) if "comp_codename" in note]) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b\n", "expected a list of component declarations"),
        ("- [\n", "not valid YAML"),
        ("", "the file is empty"),
        ("- text\n", "there is no component to import"),
    ],
)
def test_a_file_that_declares_nothing_is_an_error(importing: Importing, text: str, said: str) -> None:
    done = importing.run(importing.declare(text))
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_file_that_cannot_be_read_is_an_error(importing: Importing, tmp_path: Path) -> None:
    done = importing.run(str(tmp_path / "nowhere.yaml"))
    assert done.exit_code == 1
    assert "cannot be read: No such file or directory" in done.stderr
    (tmp_path / "latin.yaml").write_bytes(b"- label: caf\xe9\n")
    assert "not UTF-8 text" in importing.run(str(tmp_path / "latin.yaml")).stderr


# How values are written


@pytest.mark.parametrize(
    "value",
    [
        *[
            "plain",
            "/a/{b}/",
            "yes",
            "off",
            "null",
            "~",
            "1",
            "1e3",
            "0x1f",
            "12:30",
            "a: b",
            "a #b",
            "- a",
            "{a}",
            "[a]",
        ],
        *[
            "",
            " a ",
            "'",
            '"',
            "\\",
            "a\nb",
            "\t",
            "\x07",
            "\x85",
            "\u2028",
            "\ufeff",
            "é二😀",
            "${HOME}",
            "$${x}",
            "&a",
            "*a",
        ],
        *[True, False, None, 0, 7, 1.5, ["a", "yes", "a,b", "{"], {"a b": "c", "yes": "no"}],
    ],
)
def test_a_value_is_read_as_it_was_written(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "esb.yaml"
    stanza = {"path": "/demo/relay/", "use": "http", "config": {"value": value}}
    path.write_text(document("A\ncomment", [stanza]), encoding="utf-8")
    config = load(path, {})
    assert config.mistakes == []
    assert config.components[0].config.value == {"value": value}


def test_a_comment_stays_in_its_line() -> None:
    text = document("a\nversion: 2\u2028b", [{"path": "/a/b/", "description": "c\r- d"}])
    assert text.splitlines() == [
        "# a version: 2 b",
        *["version: 1", "components:", "  - path: /a/b/", '    description: "c\\r- d"'],
    ]


COLLIDING = """\
- {path: /v2/tasks/hosts/list/, name: list_hosts, method: GET, dest_path: /a/, dest_http_method: GET}
- {path: /v2/tasks/secrets/list/, name: list, method: GET, dest_path: /b/, dest_http_method: GET}
- {path: /v2/tasks/items/, name: items, method: GET, dest_path: /c/, dest_http_method: GET}
- {path: "/v2/tasks/items/{id}/", name: items, method: GET, dest_path: /d/, dest_http_method: GET}
- {path: "/v2/tasks/items/{key}/", name: items, method: PUT, dest_path: /e/, dest_http_method: PUT}
- {path: /tasks/get/, name: get, method: GET, dest_path: /f/, dest_http_method: GET}
- {path: /v2/tasks/get/, name: get, method: GET, dest_path: /g/, dest_http_method: GET}
- {path: /v2/tasks/alone/, name: alone, method: GET, dest_path: /h/, dest_http_method: GET}
"""


def test_paths_that_would_share_a_name_are_given_one_each(importing: Importing, tmp_path: Path) -> None:
    stanzas = importing.stanzas(COLLIDING)
    assert [stanza.get("name") for stanza in stanzas] == [
        "tasks.list_hosts",
        "tasks.list",
        "tasks.items",
        "tasks.items_id",
        "tasks.items_id",
        "tasks.get",
        "tasks.get",
        None,
    ]
    keys = [note.split(": ", 2)[1] for note in importing.notes(COLLIDING)]
    assert keys == ["[3].name", "[4].name"], "items is called items_id"
    (tmp_path / "esb.yaml").write_text(document("written", stanzas))
    assert load(tmp_path / "esb.yaml", {}).mistakes == []
