"""esb doctor: a preflight from the command line, beside a running gateway and without one."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from esb.cli.main import main
from tests.support.ports import free_port
from tests.support.processes.command_line import Finished, run, running
from tests.support.registry_commands import Commands

CONFIG = """\
version: 1
server: {{port: 0, timezone: Asia/Shanghai}}
sandbox: {{port: {port}}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: {{wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: {secret}, wx_qy_agentid: 1000002,
             wx_qy_host: "${{sandbox}}"}}
  - path: /cmsi/send_wecom_robot/
    use: cmsi_send_wecom_robot
    config: {{webhook_key: bot-key, wx_qy_host: "${{sandbox}}"}}
"""


def written(folder: Path, port: int = 0, app: str = "corp-secret") -> Path:
    path = folder / "esb.yaml"
    path.write_text(CONFIG.format(port=port, secret=app))
    return path


def doctor(path: Path, *arguments: str) -> Finished:
    return run("doctor", "-c", path, *arguments)


def test_it_needs_no_running_gateway(tmp_path: Path) -> None:
    done = doctor(written(tmp_path))

    assert (done.code, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first == f"cmsi.send_weixin  {tmp_path}/esb.yaml:5"
    assert any(line.startswith("  ok      token           WeCom gives the app a token (") for line in lines)
    assert any(line.startswith("  skipped robot_key") for line in lines)
    assert lines[-1].endswith(" 0 fail, 1 skipped")


def test_it_works_beside_a_running_gateway(tmp_path: Path) -> None:
    path = written(tmp_path, free_port())
    with running("serve", "-c", path, log=tmp_path / "log") as gateway:
        done = doctor(path, "--send-to", "zhangsan")
        assert gateway.is_alive

    assert done.code == 0, done.stdout
    assert "send            a test message to zhangsan is accepted" in done.stdout


def test_a_failure_has_a_fix_and_exit_code_1(tmp_path: Path) -> None:
    done = doctor(written(tmp_path, app="a-wrong-secret"), "cmsi.send_weixin")

    assert done.code == 1
    lines = done.stdout.splitlines()
    (number,) = [number for number, line in enumerate(lines) if line.startswith("  fail")]
    assert lines[number].startswith("  fail    token           WeCom gives the app a token: errcode 40001: ")
    assert lines[number + 1].strip().startswith("fix: The secret is wrong")
    assert "a-wrong-secret" not in done.stdout + done.stderr


def test_programs_get_json(tmp_path: Path) -> None:
    done = doctor(written(tmp_path), "cmsi.send_wecom_robot", "--format", "json")

    assert done.code == 0
    found = json.loads(done.stdout)
    assert [each["id"] for each in found] == ["name", "tcp", "clock", "robot_key"]
    assert set(found[0]) == {"subject", "place", "id", "what", "result", "cause", "fix", "milliseconds"}
    assert {each["subject"] for each in found} == {"cmsi.send_wecom_robot"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_wrong_configuration_is_told_with_its_mistakes(tmp_path: Path, form: str) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\nserver: {prot: 1}\ncomponents: []\n")
    done = CliRunner().invoke(main, ["doctor", "-c", str(path), "--format", form])

    assert done.exit_code == 1
    assert f"{path}:2: server.prot: " in (done.stdout if form == "text" else done.stderr)
    assert form == "text" or done.stdout == ""


def test_an_unknown_component_is_a_wrong_usage(tmp_path: Path) -> None:
    path = written(tmp_path)
    done = CliRunner().invoke(main, ["doctor", "-c", str(path), "cmsi.send_wexin"])

    assert done.exit_code == 2
    assert "no component 'cmsi.send_wexin' (did you mean 'cmsi.send_weixin'?)" in done.output
    assert "`esb components` lists them" in CliRunner().invoke(main, ["doctor", "-c", str(path), "x"]).output


def test_the_longest_name_of_a_check_stands_apart_from_what_it_says(esb: Commands) -> None:
    assert "database_version the database is new enough" in esb("doctor").stdout
