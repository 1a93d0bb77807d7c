"""The command line, as operators and supervisors use it: real processes, real signals, real ports."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from esb import __version__
from esb.cli.main import main
from tests.support.ports import free_port
from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, Running, environment, exchange, run, running
from tests.support.processes.interpreter import python
from tests.support.repository import ROOT
from tests.support.servers.slow_wecom import SlowWeCom

COMMANDS = ("serve", "check", "components", "sandbox", "demo")
CONFIG = """\
version: 1
server: {{port: 0, shutdown_grace: {grace}}}
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}}]}}}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: {{wx_qy_corpid: ww1, wx_qy_corpsecret: s, wx_qy_agentid: 1, wx_qy_host: "{host}"}}
"""
BAD = """\
version: 1
server: {prot: 8080}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_wexin
  - path: /cmsi/get_msg_type/
    use: cmsi_get_msg_type
    timeout: soon
"""
EMBEDDED = """\
version: 1
server: {port: 0}
sandbox: {port: 0}
services:
  apps: {use: static, config: {apps: [{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}]}}
  login: {use: static, config: {tokens: {forged: "admin\\nforged \\e[2J line"}}}
components:
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [POST]
    use: cmsi_send_weixin
    config: {wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
             wx_qy_host: "${sandbox}"}
  - path: /cmsi/get_msg_type/
    use: cmsi_get_msg_type
    active: false
"""


@pytest.fixture
def embedded(tmp_path: Path) -> Path:
    """A configuration with the WeChat sandbox in it; free ports everywhere."""
    path = tmp_path / "esb.yaml"
    path.write_text(EMBEDDED)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return path


@pytest.fixture
def slow_config(tmp_path: Path, slow_wecom: SlowWeCom) -> Path:
    """A gateway in front of the slow WeCom, with all the grace a call needs."""
    path = tmp_path / "slow.yaml"
    path.write_text(CONFIG.format(grace=30, host=slow_wecom.url))
    return path


# serve


def test_serve_says_on_stdout_where_it_listens_and_nothing_else(embedded: Path, tmp_path: Path) -> None:
    with running("serve", "-c", embedded, log=tmp_path / "log", fresh=True) as gateway:
        assert exchange(gateway.url + SEND_WEIXIN, NOTICE).body["result"] is True
        gateway.stop()
        finished = gateway.finish()

    host, _, port = gateway.url.rpartition(":")
    assert finished.stdout == f"listening on {gateway.url}\n"
    assert host == "http://127.0.0.1"
    assert int(port) > 0
    assert finished.code == 0


def test_the_log_is_on_stderr_as_json_lines_where_that_is_no_terminal(embedded: Path, tmp_path: Path) -> None:
    with running("serve", "-c", embedded, log=tmp_path / "log") as gateway:
        answer = exchange(gateway.url + SEND_WEIXIN, NOTICE).body
        gateway.stop()
        lines = [json.loads(line) for line in gateway.finish().stderr.splitlines()]

    told = ["upstream call", "access token", "upstream call", "call"]
    assert [line["event"] for line in lines] == ["started", *told, "stopped"]
    assert lines[-2]["request_id"] == answer["request_id"]
    assert lines[-2]["app"] == "esb_demo"


def test_the_log_is_one_readable_line_an_event_when_asked(embedded: Path, tmp_path: Path) -> None:
    with running("serve", "-c", embedded, log=tmp_path / "log", ESB_LOG="text") as gateway:
        exchange(gateway.url + SEND_WEIXIN, {**NOTICE, "bk_token": "forged"})
        gateway.stop()
        log = gateway.finish().stderr

    assert len(log.splitlines()) == 6
    assert "forged" in log
    assert "\x1b" not in log
    assert "demo-secret" not in log
    assert "corp-secret" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_finish_and_refuses_new_ones(
    number: int, slow_config: Path, slow_wecom: SlowWeCom, tmp_path: Path
) -> None:
    with running("serve", "-c", slow_config, log=tmp_path / "log") as gateway, ThreadPoolExecutor() as pool:
        in_flight = pool.submit(exchange, gateway.url + SEND_WEIXIN, NOTICE)
        assert slow_wecom.arrived.wait(60)
        gateway.stop(number)
        _wait_until_draining(gateway)

        refused = exchange(gateway.url + SEND_WEIXIN, NOTICE)
        assert refused.status == 503
        assert refused.body["result"] is False
        assert refused.body["code"] == 1306000
        assert len(refused.body["request_id"]) == 32
        assert gateway.is_alive

        slow_wecom.release.set()
        assert in_flight.result(60).body["data"]["accepted"] == ["zhangsan"]
        assert gateway.finish().code == 0


def test_what_outlasts_the_grace_is_cut(slow_wecom: SlowWeCom, tmp_path: Path) -> None:
    config = tmp_path / "short.yaml"
    config.write_text(CONFIG.format(grace=0.2, host=slow_wecom.url))
    with running("serve", "-c", config, log=tmp_path / "log") as gateway, ThreadPoolExecutor() as pool:
        in_flight = pool.submit(exchange, gateway.url + SEND_WEIXIN, NOTICE)
        assert slow_wecom.arrived.wait(60)
        gateway.stop()
        finished = gateway.finish()

        assert finished.code == 0
        assert "Traceback" not in finished.stderr
        with pytest.raises(OSError, match=r"closed|reset"):
            in_flight.result(60)


def test_without_calls_a_signal_ends_it_at_once(slow_config: Path, tmp_path: Path) -> None:
    with (
        running("serve", "-c", slow_config, log=tmp_path / "log") as gateway,
        socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2]))),  # idle, and in nobody's way
    ):
        gateway.stop()
        assert gateway.finish().code == 0


def test_host_and_port_of_the_command_line_win(embedded: Path, tmp_path: Path) -> None:
    port = free_port()
    with running("serve", "-c", embedded, "--host", "localhost", "--port", str(port), log=tmp_path / "log") as gateway:
        assert gateway.ready_line == f"listening on http://localhost:{port}\n"


def test_a_taken_port_is_named_with_who_chose_it(embedded: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        by_option = run("serve", "-c", embedded, "--port", str(port), ESB_LOG="text")
        in_the_log = run("serve", "-c", embedded, "--port", str(port))
        embedded.write_text(EMBEDDED.replace("sandbox: {port: 0}", f"sandbox: {{port: {port}}}"))
        by_sandbox = run("serve", "-c", embedded, ESB_LOG="text")
        sandbox = run("sandbox", "--port", str(port))

    place = f"Error: cannot listen on 127.0.0.1:{port}"
    assert (by_option.code, by_option.stdout) == (1, "")
    assert by_option.stderr == f"{place} (--port): Address already in use\n"
    line = json.loads(in_the_log.stderr)
    assert (in_the_log.code, line["event"], line["level"]) == (1, "not started", "error")
    assert [f"Error: {why}" for why in line["why"]] == [by_option.stderr.rstrip()]
    assert by_sandbox.stderr == f"{place} (sandbox.port): Address already in use\n"
    assert (sandbox.code, sandbox.stderr) == (1, f"{place} (--port): Address already in use\n")


def test_an_empty_host_is_not_all_addresses(embedded: Path) -> None:
    served = run("serve", "-c", embedded, "--host", "")
    assert (served.code, served.stdout) == (2, "")
    assert "Invalid value for '--host': it is empty; 0.0.0.0 or :: is all addresses" in served.stderr


def test_a_host_that_is_none_of_ours_is_named(embedded: Path) -> None:
    elsewhere = run("serve", "-c", embedded, "--host", "192.0.2.1", ESB_LOG="text")
    nowhere = run("serve", "-c", embedded, "--host", "nowhere.invalid", ESB_LOG="text")

    assert elsewhere.code == nowhere.code == 1
    assert elsewhere.stderr == "Error: cannot listen on 192.0.2.1:0 (server.port): Cannot assign requested address\n"
    assert nowhere.stderr.startswith("Error: cannot listen on nowhere.invalid:0 (server.port): ")
    assert "Traceback" not in nowhere.stderr


def test_calls_are_answered_although_nobody_reads_the_log(embedded: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "esb", "serve", "-c", str(embedded)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        url = process.stdout.readline().split()[-1]
        process.stderr.close()
        assert exchange(url + SEND_WEIXIN, NOTICE).body["result"] is True
        assert exchange(url + SEND_WEIXIN, NOTICE).body["result"] is True
    finally:
        process.kill()
        process.wait(60)
        process.stdout.close()


# A configuration with mistakes


def test_serve_prints_every_mistake_on_stderr_and_exits_78(bad: Path) -> None:
    finished = run("serve", "-c", bad)

    assert (finished.code, finished.stdout) == (78, "")
    _assert_all_mistakes(finished.stderr, bad)


def test_check_prints_every_mistake_on_stdout_and_exits_1(bad: Path) -> None:
    finished = run("check", "-c", bad)

    assert (finished.code, finished.stderr) == (1, "")
    _assert_all_mistakes(finished.stdout, bad)


def test_components_and_demo_print_mistakes_on_stderr(bad: Path) -> None:
    components, demo = (CliRunner().invoke(main, [command, "-c", str(bad)]) for command in ("components", "demo"))

    assert (components.exit_code, components.stdout) == (1, "")
    assert (demo.exit_code, demo.stdout) == (78, "")
    _assert_all_mistakes(components.stderr, bad)
    _assert_all_mistakes(demo.stderr, bad)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    finished = run("check", "-c", "nowhere.yaml", folder=tmp_path)

    assert finished.code == 1
    assert finished.stdout == "nowhere.yaml:1: file: cannot be read: No such file or directory\n"


# check and components


def test_check_counts_stanzas_and_not_aliases(embedded: Path) -> None:
    finished = run("check", "-c", embedded)

    assert (finished.code, finished.stderr) == (0, "")
    assert finished.stdout.splitlines()[-1] == "ok: 2 components, 2 warnings"


def test_the_shipped_configuration_is_the_default_and_right() -> None:
    assert run("check").stdout.splitlines()[-1].startswith("ok: ")


def test_components_is_a_table_of_all_paths(embedded: Path) -> None:
    finished = run("components", "-c", embedded)

    assert finished.code == 0
    assert [line.split() for line in finished.stdout.splitlines()] == [
        ["PATH", "METHODS", "PLUGIN", "ACTIVE"],
        ["/cmsi/send_weixin/", "POST", "cmsi_send_weixin", "yes"],
        ["/v2/cmsi/send_weixin/", "POST", "cmsi_send_weixin", "yes"],
        ["/cmsi/get_msg_type/", "GET,POST", "cmsi_get_msg_type", "no"],
    ]


def test_components_for_programs(embedded: Path) -> None:
    listed = json.loads(run("components", "-c", embedded, "--format", "json").stdout)

    chain = {"middlewares": ["app_auth", "user_auth", "permission"]}
    send = {"path": "/v2/cmsi/send_weixin/", "methods": ["POST"], "plugin": "cmsi_send_weixin", "active": True}
    types = {"path": "/cmsi/get_msg_type/", "methods": ["GET", "POST"], "plugin": "cmsi_get_msg_type", "active": False}
    assert listed[1:] == [send | chain, types | chain]


def test_esb_config_names_the_configuration_unless_an_option_does(
    embedded: Path, bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def check(*arguments: str, esb_config: Path | str) -> str:
        return (
            CliRunner().invoke(main, ["check", *arguments], env={"ESB_CONFIG": str(esb_config)}).output.splitlines()[-1]
        )

    assert check(esb_config=embedded) == "ok: 2 components, 2 warnings"
    assert check("-c", str(embedded), esb_config=bad) == "ok: 2 components, 2 warnings"
    assert check(esb_config="") == "ok: 2 components, 2 warnings"  # the one that is here


# sandbox and demo


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_serves_alone(number: int, tmp_path: Path) -> None:
    with running("sandbox", "--port", "0", log=tmp_path / "log") as sandbox:
        assert sandbox.ready_line.startswith("listening on http://127.0.0.1:")
        answer = exchange(f"{sandbox.url}/cgi-bin/gettoken?corpid=ww0000000000000001&corpsecret=corp-secret").body
        assert answer["errcode"] == 0
        sandbox.stop(number)
        finished = sandbox.finish()

    assert (finished.code, finished.stdout, finished.stderr) == (0, sandbox.ready_line, "")


def test_the_demonstration_shows_request_answer_and_message() -> None:
    proxy = "http://127.0.0.1:9"  # a machine's proxy knows nothing of our own servers

    finished = run("demo", http_proxy=proxy, HTTP_PROXY=proxy, all_proxy=proxy, no_proxy="")

    request, answer, arrived = finished.stdout.split("\n== ")
    assert (finished.code, finished.stderr) == (0, "")
    assert request.startswith("== POST http://127.0.0.1:")
    assert '"message": "This is a test."' in request
    assert "demo-secret" not in finished.stdout
    shown = json.loads(answer.partition("\n")[2])
    assert (shown["result"], shown["code"], shown["message"]) == (True, 0, "OK")
    assert shown["data"]["accepted"] == ["zhangsan"]
    assert arrived.strip().splitlines() == [
        "arrived in WeChat, for zhangsan",
        "blueking alarm",
        "This is a test.",
        "Date: 2017-02-22 15:36",
        "This is a test!",
    ]


def test_a_demonstration_that_fails_says_so(tmp_path: Path) -> None:
    config = tmp_path / "esb.yaml"
    config.write_text("version: 1\ncomponents:\n  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n")

    finished = run("demo", "-c", config)

    assert finished.code == 1
    assert '"code": 1306404' in finished.stdout
    assert finished.stderr == "Error: the message did not arrive\n"


# Usage


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself(command: str, option: str) -> None:
    explained = CliRunner().invoke(main, [command, option])

    assert explained.exit_code == 0
    assert explained.output.startswith(f"Usage: main {command} [OPTIONS]")


def test_esb_alone_lists_its_commands() -> None:
    finished = run()

    assert finished.code == 2
    assert "Traceback" not in finished.stderr
    listed = finished.stdout + finished.stderr
    assert all(f"  {command} " in listed for command in COMMANDS)
    assert "..." not in listed.partition("Commands:")[2]  # no explanation is cut


def test_a_folder_that_cannot_be_written_is_told_in_a_line(embedded: Path) -> None:
    told = run("docs", "-c", embedded, "-o", "/proc/api")

    assert (told.code, told.stdout) == (1, "")
    assert told.stderr == "Error: /proc/api: No such file or directory\n"


def test_a_python_that_is_too_old_is_told_in_a_line(tmp_path: Path) -> None:
    old = "import sys; sys.version_info = (3, 10, 14, 'final', 0); sys.version = '3.10.14 (main)'; import esb.__main__"
    done = python("-c", old, folder=tmp_path, PYTHONPATH=str(ROOT))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "esb-gateway needs Python 3.11 or newer; this is 3.10.14\n"


def test_the_module_is_the_same_command() -> None:
    by_module = python("-m", "esb", "--help", folder=ROOT)

    assert by_module.stdout.startswith("Usage: esb [OPTIONS] COMMAND")
    assert by_module.stdout == run("--help").stdout.replace("Usage: main", "Usage: esb")


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"esb, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["--bogus"],
        ["serve", "--bogus"],
        ["serve", "extra"],
        ["serve", "--port", "x"],
        ["serve", "--port", "65536"],
        ["sandbox", "--port", "-1"],
        ["sandbox", "-c", "esb.yaml"],
        ["check", "-c"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_told_on_stderr_with_exit_2(arguments: list[str]) -> None:
    told = CliRunner().invoke(main, arguments)

    assert (told.exit_code, told.stdout) == (2, "")
    assert "Error: " in told.stderr


@pytest.mark.parametrize("arguments", [["components"], ["demo"]], ids=" ".join)
def test_a_reader_that_has_gone_is_no_crash(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "esb", *arguments],
            cwd=ROOT,
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=150,
            check=False,
        )
    finally:
        os.close(writing)

    assert done.returncode == 1
    assert done.stderr == ""


def _assert_all_mistakes(text: str, path: Path) -> None:
    """Each mistake of BAD, located, in the order of the file."""
    lines = text.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{path}:2", "server.prot"],
        [f"{path}:5", "components[0].use"],
        [f"{path}:8", "components[1].timeout"],
    ]
    assert "did you mean 'port'?" in lines[0]
    assert "did you mean 'cmsi_send_weixin'?" in lines[1]


def _wait_until_draining(gateway: Running) -> None:
    """Ask for its health until it says that it takes no more calls."""
    for _ in range(1000):
        if exchange(gateway.url + "/api/c/healthz/").status == 503:
            return
    raise AssertionError("it never drained")


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-"])
def test_who_is_started_without_stderr_logs_to_nobody(embedded: Path, closed: str) -> None:
    """Not to the connection that gets its number."""
    command = ["sh", "-c", f'exec "$0" -m esb serve -c "$1" {closed}', sys.executable, str(embedded)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        answers = [exchange(url + SEND_WEIXIN, NOTICE).body["result"] for _ in range(3)]
        process.terminate()
        assert process.wait(60) == 0
    assert answers == [True, True, True]


def test_who_is_started_without_stdout_works_all_the_same(embedded: Path) -> None:
    command = ["sh", "-c", 'exec "$0" -m esb check -c "$1" >&-', sys.executable, str(embedded)]
    checked = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=environment(), check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
