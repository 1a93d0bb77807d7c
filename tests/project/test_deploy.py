"""The deployment files, as far as a machine without a container engine can tell."""

import configparser
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from tests.support.processes.command_line import run, running
from tests.support.repository import ROOT

DEPLOY = ROOT / "deploy"
SECRETS = ("app_secret", "login_token", "wx_qy_corpsecret")


def checkable(text: str, folder: Path) -> str:
    """The config with its secrets in a folder of the test."""
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in SECRETS:
        (secrets / name).write_text(f"{name}-value\n")
    (secrets / "store_key").write_bytes(Fernet.generate_key())
    return re.sub(r"/run/secrets(/esb)?(?=/)", str(secrets), text)


def assert_checks(text: str, folder: Path) -> None:
    config = folder / "esb.yaml"
    config.write_text(checkable(text, folder))
    checked = run("check", "-c", config, WX_QY_CORPID="ww1", WX_QY_AGENTID="1000002")
    assert (checked.code, checked.stdout) == (0, "ok: 1 components\n"), checked.stdout + checked.stderr


def manifests() -> list[dict[str, Any]]:
    return [
        document
        for path in sorted(DEPLOY.glob("kubernetes/*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]


def of_kind(kind: str) -> dict[str, Any]:
    [found] = [manifest for manifest in manifests() if manifest["kind"] == kind]
    return found


def dockerfile() -> list[str]:
    text = (DEPLOY / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_config_of_compose_checks(tmp_path: Path) -> None:
    assert_checks((DEPLOY / "docker" / "esb.yaml").read_text(), tmp_path)


def test_the_config_of_kubernetes_checks(tmp_path: Path) -> None:
    assert_checks(of_kind("ConfigMap")["data"]["esb.yaml"], tmp_path)


def test_the_image_installs_extras_that_exist_and_runs_as_nobody() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [install] = [line for line in dockerfile() if "pip install" in line]
    [extras] = re.findall(r"\[([a-z,]+)\]", install)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert any(line.startswith("USER 10001") for line in dockerfile())
    for line in dockerfile():
        if line.startswith("COPY") and "--from" not in line:
            assert all((ROOT / source).exists() for source in line.split()[1:-1]), line


def test_the_health_check_tells_a_gateway_that_answers_from_one_that_does_not(tmp_path: Path) -> None:
    [line] = [line for line in dockerfile() if line.startswith("HEALTHCHECK")]
    command = yaml.safe_load(line[line.index("CMD ") + 4 :])
    assert command[0] == "python"
    config = tmp_path / "esb.yaml"
    config.write_text("version: 1\ncomponents: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n")
    python = shutil.which("python3") or "python3"
    with running("serve", "-c", config, "--port", "0", log=tmp_path / "log") as serving:
        asked = command[2].replace("http://127.0.0.1:8080", serving.url)
        assert subprocess.run([python, *command[1:2], asked], check=False).returncode == 0
    failed = subprocess.run([python, *command[1:2], asked], check=False, capture_output=True)
    assert failed.returncode != 0


def test_containers_stop_later_than_the_gateway_drains() -> None:
    compose = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
    gateway = compose["services"]["gateway"]
    assert int(gateway["stop_grace_period"].rstrip("s")) > 30
    assert gateway["read_only"] is True
    assert set(gateway["secrets"]) == {*SECRETS, "store_key"} == set(compose["secrets"])
    assert (DEPLOY / "docker" / gateway["build"]["context"] / gateway["build"]["dockerfile"]).resolve().exists()


def test_pods_are_probed_drained_and_spread() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    config = yaml.safe_load(of_kind("ConfigMap")["data"]["esb.yaml"])
    assert ports == {"http": config["server"]["port"], "admin": config["server"]["admin"]["port"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "admin"}
    assert pod["terminationGracePeriodSeconds"] > config["server"]["shutdown_grace"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    for selecting in (
        of_kind("Service")["spec"]["selector"],
        of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ):
        assert selecting.items() <= labels.items()
    assert (
        of_kind("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
        == of_kind("Deployment")["metadata"]["name"]
    )


def unit() -> configparser.RawConfigParser:
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's keys have capitals
    parsed.read(DEPLOY / "systemd" / "esb.service")
    return parsed


def test_the_unit_gives_up_on_a_wrong_configuration_and_waits_for_calls_in_flight() -> None:
    service = unit()["Service"]
    assert (service["Type"], service["RestartPreventExitStatus"]) == ("notify", "78")
    assert int(service["TimeoutStopSec"]) > 30


def test_the_command_lines_of_the_unit_are_ones_that_esb_has(tmp_path: Path) -> None:
    config = tmp_path / "esb.yaml"
    config.write_text("version: 1\ncomponents: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n")
    service = unit()["Service"]
    arguments = shlex.split(service["ExecStartPre"].replace("/etc/esb/esb.yaml", str(config)))[1:]
    assert run(*arguments).code == 0
    arguments = shlex.split(service["ExecStart"].replace("/etc/esb/esb.yaml", str(config)))[1:]
    with running(*arguments, "--port", "0", log=tmp_path / "log") as serving:
        assert serving.url.startswith("http://")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "esb.service").read_text().replace("/opt/esb/bin/esb", "/bin/true")
    copy = tmp_path / "esb.service"
    copy.write_text(text)
    verified = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)  # noqa: S607 - where the system has it
    assert (verified.returncode, verified.stderr) == (0, "")
