"""esb call: a client, against a real gateway."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from esb.cli.main import main
from tests.support.processes.command_line import Running, running

CONFIG = """\
version: 1
server: {{port: {port}}}
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}}]}}}}
  login: {{use: static, config: {{tokens: {{demo-token: ann}}}}}}
components:
  - {{path: /test/echo/, use: "tests.support.components:Echo"}}
  - {{path: "/test/{{thing}}/look/", methods: [GET], use: "tests.support.components:Echo"}}
  - {{path: /test/choice/, use: "tests.support.components:Choice"}}
  - {{path: /test/who/, use: "tests.support.identity:Who"}}
"""
WHO = {"ESB_APP_CODE": "esb_demo", "ESB_APP_SECRET": "demo-secret", "ESB_USERNAME": "admin"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "esb.yaml").write_text(CONFIG.format(port=0))
    with running("serve", "-c", folder / "esb.yaml", log=folder / "log") as process:
        yield process


@pytest.fixture
def config(gateway: Running, tmp_path: Path) -> Path:
    """The gateway's configuration, with the port that it was given."""
    path = tmp_path / "esb.yaml"
    path.write_text(CONFIG.format(port=gateway.url.rpartition(":")[2]))
    return path


def call(*arguments: str | Path, stdin: str | None = None, **environ: str) -> Result:
    clean = dict.fromkeys(("ESB_CONFIG", "ESB_URL", "ESB_APP_CODE", "ESB_APP_SECRET", "ESB_USERNAME", "ESB_BK_TOKEN"))
    return CliRunner().invoke(main, ["call", *map(str, arguments)], input=stdin, env={**clean, **environ})


def test_the_envelope_is_printed_and_the_gateway_found_by_its_configuration(config: Path) -> None:
    done = call("-c", config, "test", "echo", "--data", '{"name": "安"}', **WHO)
    assert done.exit_code == 0, done.output
    envelope = json.loads(done.stdout)
    assert envelope["data"]["args"] == {"name": "安"}
    assert "安" in done.stdout
    assert envelope["data"]["path"] == "/test/echo/"


def test_without_a_configuration_the_name_is_the_path(gateway: Running, tmp_path: Path) -> None:
    done = call("-c", tmp_path / "none.yaml", "test", "echo", "--url", gateway.url, **WHO)
    assert done.exit_code == 0, done.output


def test_a_path_with_variables_is_filled_in_and_its_method_known(config: Path) -> None:
    data = '{"thing": "a b", "more": [1], "word": "w"}'
    done = call("-c", config, "test", "look", "--data", data, **WHO)
    answered = json.loads(done.stdout)["data"]
    assert (answered["method"], answered["path_vars"]) == ("GET", {"thing": "a b"})
    assert answered["args"]["more"] == "[1]"
    assert answered["args"]["word"] == "w"


def test_a_variable_that_is_missing_is_a_usage_error(config: Path) -> None:
    done = call("-c", config, "test", "look", **WHO)
    assert done.exit_code == 2
    assert "the path of this component needs 'thing' in it" in done.output


def test_parameters_come_from_a_file_or_from_stdin(config: Path, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"from": "file"}')
    done = call("-c", config, "test", "echo", "--data", f"@{tmp_path}/data.json", **WHO)
    assert json.loads(done.stdout)["data"]["args"] == {"from": "file"}
    done = call("-c", config, "test", "echo", "--data", "-", stdin='{"from": "stdin"}', **WHO)
    assert json.loads(done.stdout)["data"]["args"] == {"from": "stdin"}


@pytest.mark.parametrize(
    ("data", "text"),
    [("{", "not JSON"), ("[1]", "expected a JSON object"), ("@/nowhere", "cannot read /nowhere")],
)
def test_parameters_that_are_none_are_usage_errors(config: Path, data: str, text: str) -> None:
    done = call("-c", config, "test", "echo", "--data", data, **WHO)
    assert done.exit_code == 2
    assert text in done.output


def test_a_result_that_is_false_is_exit_code_1(config: Path) -> None:
    done = call("-c", config, "test", "choice", "--data", '{"what": "error"}', **WHO)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["message"] == "Someone said no"
    assert call("-c", config, "test", "nowhere", **WHO).exit_code == 1


def test_an_answer_that_is_no_envelope_is_printed_as_it_is(config: Path) -> None:
    done = call("-c", config, "test", "choice", "--data", '{"what": "reply"}', **WHO)
    assert (done.exit_code, done.stdout) == (0, "a,b")


def test_the_secret_is_asked_for_if_it_is_nowhere(config: Path) -> None:
    done = call("-c", config, "test", "who", "--app", "esb_demo", "--user", "lisi", stdin="demo-secret\n")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["data"]["user"] == "lisi"
    assert "secret of esb_demo: " in done.stderr
    assert "demo-secret" not in done.output


def test_options_win_over_the_environment(config: Path) -> None:
    done = call("-c", config, "test", "who", "--app", "esb_demo", "--secret", "wrong", **WHO)
    assert done.exit_code == 1
    assert "wrong" not in done.output


def test_a_login_may_vouch(config: Path) -> None:
    done = call("-c", config, "test", "who", **{**WHO, "ESB_USERNAME": "", "ESB_BK_TOKEN": "demo-token"})
    assert json.loads(done.stdout)["data"]["user"] == "ann"


def test_a_gateway_on_this_machine_is_called_past_the_machines_proxy(config: Path) -> None:
    done = call("-c", config, "test", "echo", http_proxy="http://127.0.0.1:1", no_proxy="", **WHO)
    assert done.exit_code == 0, done.output


def test_headers_and_a_dry_run_are_passed_on(config: Path) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    done = call("-c", config, "test", "echo", "--dry-run", "--header", f"Traceparent: {trace}", **WHO)
    answered = json.loads(done.stdout)["data"]
    assert answered["dry_run"] is True
    assert answered["headers"]["Traceparent"].split("-")[1] == trace.split("-")[1]


def test_a_header_that_cannot_be_sent_is_named_and_its_value_is_not_shown(config: Path) -> None:
    done = call("-c", config, "test", "echo", "--header", "X-Key: TOPSECRET\nX", **WHO)
    assert done.exit_code == 1
    assert "X-key has a character in it that no header can carry" in done.output
    assert "TOPSECRET" not in done.output


@pytest.mark.parametrize("header", ["no colon", ": nameless"])
def test_a_header_that_is_none_is_a_usage_error(config: Path, header: str) -> None:
    done = call("-c", config, "test", "echo", "--header", header, **WHO)
    assert done.exit_code == 2
    assert "expected NAME:VALUE" in done.output


def test_a_gateway_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = call("-c", tmp_path / "none.yaml", "a", "b", "--url", url, **WHO)
    assert (done.exit_code, done.output) == (1, f"Error: no gateway answers at {url}: Connection refused\n")


@pytest.mark.parametrize("url", ["http://[", "http://ann:TOPSECRET@127.0.0.1"])
def test_an_address_with_a_password_is_not_told_further(tmp_path: Path, url: str) -> None:
    done = call("-c", tmp_path / "none.yaml", "a", "b", "--url", url, **WHO)
    assert (done.exit_code, done.output.startswith("Error: "), "TOPSECRET" in done.output) == (1, True, False)


@pytest.mark.parametrize("url", ["ftp://example.com", "127.0.0.1:8080", "file:///etc/passwd"])
def test_an_address_that_is_none_is_a_usage_error(tmp_path: Path, url: str) -> None:
    done = call("-c", tmp_path / "none.yaml", "a", "b", "--url", url, **WHO)
    assert done.exit_code == 2
    assert "expected http://… or https://…" in done.output


class _Redirecting(BaseHTTPRequestHandler):
    """Sends everybody elsewhere, and notes who came."""

    asked: list[str]

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.send_response(307)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Log nothing."""


def test_who_redirects_does_not_get_the_secrets_sent_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Redirecting, "asked", [], raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = call("-c", tmp_path / "none.yaml", "a", "b", "--url", url, **WHO)
        server.shutdown()
        thread.join()
    assert (done.exit_code, done.output) == (1, f"Error: {url} redirects elsewhere: it is no gateway\n")
    assert _Redirecting.asked == ["/api/c/compapi/a/b/"]
