"""The deployment files, as far as a machine without a container engine can tell."""

import configparser
import hashlib
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from tests.support.ports import free_port
from tests.support.processes.command_line import run, running, until
from tests.support.repository import ROOT

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "esb.service"
SECRETS = ("app_secret", "login_token", "redis_password", "wx_qy_corpsecret")
CONFINED = """
import ctypes, os, sys
refuse_exec_gain = 1
if ctypes.CDLL(None).prctl(65, refuse_exec_gain, 0, 0, 0) != 0:  # PR_SET_MDWE
    sys.exit("this kernel cannot")
os.execv(sys.executable, [sys.executable, "-m", "esb", *sys.argv[1:]])
"""
"""A Python that becomes `esb` in a process whose memory is never both written and executed."""


def checkable(text: str, folder: Path) -> str:
    """The config with its secrets in a folder of the test."""
    secrets = folder / "secrets"
    secrets.mkdir()
    for name in SECRETS:
        (secrets / name).write_text(f"{hashlib.sha256(name.encode()).hexdigest()}\n")
    (secrets / "store_key").write_bytes(Fernet.generate_key())
    (secrets / "admin_digest").write_text(f"sha256:{'0' * 64}\n")
    return re.sub(r"/run/secrets(/esb)?(?=/)", str(secrets), text)


def assert_checks(text: str, folder: Path) -> None:
    config = folder / "esb.yaml"
    config.write_text(checkable(text, folder))
    checked = run("check", "-c", config, "--format", "json", WX_QY_CORPID="ww0123456789abcdef", WX_QY_AGENTID="1")
    found = json.loads(checked.stdout)
    assert (checked.code, found["components"], found["mistakes"]) == (0, 1, []), checked.stdout + checked.stderr
    assert {warning["severity"] for warning in found["warnings"]} == {"medium"}


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


def test_the_image_is_made_of_what_exists_and_runs_as_nobody() -> None:
    assert any(line.startswith("USER 10001") for line in dockerfile())
    context = (ROOT / ".dockerignore").read_text().splitlines()
    for line in dockerfile():
        if line.startswith("COPY") and "--from" not in line:
            assert all((ROOT / source).exists() and f"!{source}" in context for source in line.split()[1:-1]), line


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
    assert compose["services"]["redis"]["secrets"] == ["redis_password"]
    assert set(gateway["secrets"]) == {*SECRETS, "store_key"} == set(compose["secrets"])
    assert (DEPLOY / "docker" / gateway["build"]["context"] / gateway["build"]["dockerfile"]).resolve().exists()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed here")
def test_the_redis_of_compose_wants_its_password(tmp_path: Path) -> None:
    redis = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())["services"]["redis"]
    (tmp_path / "redis_password").write_text("0123456789abcdef\n")
    port = free_port()

    def here(script: str) -> str:
        return script.replace("$$", "$").replace("/run/secrets", str(tmp_path))

    start = here(redis["command"][2]).replace("redis-server", f"redis-server --port {port} --bind 127.0.0.1", 1)
    with subprocess.Popen([*redis["command"][:2], start], cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            [_, check] = redis["healthcheck"]["test"]
            check = here(check).replace("redis-cli", f"redis-cli -p {port}")
            until(lambda: subprocess.run(["sh", "-c", check], check=False, capture_output=True).returncode == 0)  # noqa: S607
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(b"PING\r\n")
                assert stranger.recv(100).startswith(b"-NOAUTH")
            (tmp_path / "redis_password").write_text("another\n")
            assert subprocess.run(["sh", "-c", check], check=False, capture_output=True).returncode != 0  # noqa: S607
        finally:
            server.terminate()
        assert server.wait(30) == 0  # the shell has become the server: TERM reaches it


@pytest.mark.parametrize("name", ["docker", "kubernetes"])
def test_no_network_that_others_are_in_is_trusted_as_a_proxy(name: str) -> None:
    text = (
        (DEPLOY / "docker" / "esb.yaml").read_text() if name == "docker" else of_kind("ConfigMap")["data"]["esb.yaml"]
    )
    config = yaml.safe_load(text)
    assert "trusted_proxies" not in config["server"]
    assert re.findall(r"redis://(.)", text) == [":"]  # a password


def test_neighbours_of_a_pod_learn_and_do_nothing_at_its_admin_listener() -> None:
    admin = yaml.safe_load(of_kind("ConfigMap")["data"]["esb.yaml"])["server"]["admin"]
    assert (admin["host"], admin["read"]) == ("0.0.0.0", "token")
    assert admin["tokens"][0]["digest"].startswith("${file:")


def test_pods_have_memory_for_all_that_may_be_buffered_at_once() -> None:
    [container] = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    assert int(container["resources"]["limits"]["memory"].removesuffix("Mi")) >= 512


def test_containers_have_bounds_and_no_privileges() -> None:
    compose = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())["services"]
    for service in compose.values():
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_policy_lets_callers_to_the_public_port_and_prometheus_alone_to_the_other() -> None:
    policy = of_kind("NetworkPolicy")["spec"]
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["policyTypes"] == ["Ingress"]
    public, private = policy["ingress"]
    assert public == {"ports": [{"port": "http"}]}
    assert private["ports"] == [{"port": "admin"}]
    assert private["from"]


def test_pods_are_probed_drained_and_spread() -> None:
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    config = yaml.safe_load(of_kind("ConfigMap")["data"]["esb.yaml"])
    assert ports == {"http": config["server"]["port"], "admin": config["server"]["admin"]["port"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "admin"}
    server, ready = config["server"], container["readinessProbe"]
    assert server["lame_duck"] >= ready["periodSeconds"] * ready["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] > server["lame_duck"] + server["shutdown_grace"]
    assert {"name": "TZ", "value": server["timezone"]} in container["env"]
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
    parsed.read(UNIT)
    return parsed


def test_the_unit_gives_up_on_a_wrong_configuration_and_waits_for_calls_in_flight() -> None:
    service = unit()["Service"]
    assert (service["Type"], service["RestartPreventExitStatus"]) == ("notify", "78")
    assert "ExecStartPre" not in service, "it would be started again and again"
    assert service["LogRateLimitIntervalSec"] == "0"
    assert "Environment=TZ=" in UNIT.read_text()
    assert int(service["TimeoutStopSec"]) > 30


def test_the_command_lines_of_the_unit_are_ones_that_esb_has(tmp_path: Path) -> None:
    config = tmp_path / "esb.yaml"
    config.write_text("version: 1\ncomponents: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n")
    service = unit()["Service"]
    [checking, hangup] = re.findall(r"^ExecReload=(.*)", UNIT.read_text(), re.MULTILINE)
    arguments = shlex.split(checking.replace("/etc/esb/esb.yaml", str(config)))[1:]
    assert run(*arguments).code == 0
    config.write_text("components: 1\n")
    assert run(*arguments).code == 1, "then systemd does not get as far as the signal"
    assert hangup == "/bin/kill -HUP $MAINPID"
    config.write_text("version: 1\ncomponents: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n")
    arguments = shlex.split(service["ExecStart"].replace("/etc/esb/esb.yaml", str(config)))[1:]
    with running(*arguments, "--port", "0", log=tmp_path / "log") as serving:
        assert serving.url.startswith("http://")


@pytest.mark.parametrize(
    "key",
    [
        *("DynamicUser", "NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectHome", "ProtectClock"),
        *("ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
        *("ProtectKernelTunables", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality"),
        "MemoryDenyWriteExecute",
    ],
)
def test_the_unit_gives_up_what_it_does_not_need(key: str) -> None:
    assert unit()["Service"][key] == "yes"


def test_the_unit_has_the_system_calls_of_a_service_and_no_capability() -> None:
    service = unit()["Service"]
    assert (service["SystemCallFilter"], service["CapabilityBoundingSet"]) == ("@system-service", "")
    assert (service["ProtectSystem"], service["SystemCallArchitectures"]) == ("strict", "native")


def test_the_admin_socket_of_the_docs_lies_where_the_unit_has_a_folder_of_its_own() -> None:
    service = unit()["Service"]
    assert (service["RuntimeDirectory"], service["RuntimeDirectoryMode"]) == ("esb", "0700")


def test_esb_runs_where_no_memory_is_written_and_executed() -> None:
    assert unit()["Service"]["MemoryDenyWriteExecute"] == "yes"
    ran = subprocess.run(
        [sys.executable, "-c", CONFINED, "demo"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if "this kernel cannot" in ran.stderr:
        pytest.skip(ran.stderr)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
def test_the_unit_is_as_confined_as_a_service_with_a_network_can_be(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "esb.service").read_text().replace("/opt/esb/bin/esb", "/bin/true")
    (tmp_path / "esb.service").write_text(text)
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(tmp_path / "esb.service")]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)  # of 100; 0 is the best
    if "unrecognized option" in rated.stderr:
        pytest.skip("this systemd-analyze rates no files")
    assert rated.returncode == 0, rated.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "esb.service").read_text().replace("/opt/esb/bin/esb", "/bin/true")
    copy = tmp_path / "esb.service"
    copy.write_text(text)
    listening = tmp_path / "esb.socket"
    listening.write_text((DEPLOY / "systemd" / "esb.socket").read_text())
    command = ["systemd-analyze", "verify", str(copy), str(listening)]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
