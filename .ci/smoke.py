"""Check the gateway that is installed for this Python: every command works, or says which extra it needs.

`python .ci/smoke.py EXTRA`: this extra is installed and no other; without an argument none is.
"""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CONFIG = Path(__file__).parents[1] / "conf" / "esb.yaml"
MODULES = {
    "compat": "bkapi_component",
    "database": "alembic",
    "jwt": "jwt",
    "mysql": "asyncmy",
    "otel": "opentelemetry",
    "portal": "aiosmtpd",
    "postgresql": "asyncpg",
    "redis": "redis",
    "saq": "saq",
    "templates": "jinja2",
    "testing": "pytest_asyncio",
    "watch": "watchfiles",
}
"""Extra -> a module that it alone installs, and those that hold it."""
HELD = {
    "mysql": {"database"},
    "portal": {"templates"},
    "postgresql": {"database"},
    "saq": {"database", "redis"},
}
"""Extra -> others that it holds."""
KEY = "bm9ib2R5IGhhcyB0byBrbm93IHRoaXMga2V5LCAzMiA="
"""Key of 32 bytes for a store that is only looked at. It is in no file, for `check` would warn of that."""
EXPLAIN = """
from click import Context, Group
from click.testing import CliRunner
from esb.cli.main import main

def explain(command, *path):
    told = CliRunner().invoke(main, [*path, "--help"])
    assert told.exit_code == 0, (path, told.output, told.exception)
    print(*path)
    if isinstance(command, Group):
        context = Context(command)
        for name in command.list_commands(context):
            explain(command.get_command(context, name), *path, name)

explain(main)
"""
SECONDS = 60
"""Bound of each command."""


def main(extra: str = "") -> None:
    for name, module in MODULES.items():
        assert is_there(module) == brings(extra, name), f"{name}: {module}"
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        explain()
        begin(extra)
        describe()
        check_services(extra)
        check_templates(extra)
        check_pages(extra)
        serve(extra)
        develop(extra)
        write_component(extra)
    print(f"{extra or 'no extra'}: every command works or says what it needs")


def brings(extra: str, needed: str) -> bool:
    """Return True if this extra installs what another one does."""
    return needed == extra or needed in HELD.get(extra, set())


def esb(*arguments: str, code: int = 0) -> str:
    """Run `esb ARGUMENTS` to its end, with this exit code; return what it printed."""
    done = subprocess.run([sys.executable, "-m", "esb", *arguments], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == code, f"esb {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # where tests hide it
        return False


def explain() -> None:
    """Let every command explain itself, all in one process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXPLAIN], capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert {"check", "demo", "dev", "init", "new component", "serve"} <= set(done.stdout.splitlines()), done.stdout


def begin(extra: str) -> None:
    """Follow the first minute of somebody who has installed the wheel and nothing else."""
    assert "arrived in WeChat, for zhangsan" in esb("demo")
    esb("init", "mine")
    here = Path.cwd()
    os.chdir("mine")
    assert esb("check") == "ok: 4 components\n"
    assert "arrived in WeChat, for zhangsan" in esb("demo")
    if extra == "testing":
        subprocess.run([sys.executable, "-m", "pytest", "-q"], check=True, timeout=SECONDS)
    os.chdir(here)
    listed = esb("plugins")
    for name in ("jwt", "redis"):
        assert (f"pip install 'esb-gateway[{name}]'" in listed) == (not brings(extra, name)), listed


def describe() -> None:
    assert esb("check", "-c", str(CONFIG)).splitlines()[-1].startswith("ok: ")
    assert "/cmsi/send_weixin/" in esb("components", "-c", str(CONFIG))
    assert json.loads(esb("openapi", "-c", str(CONFIG)))["openapi"].startswith("3.")
    assert json.loads(esb("schema"))["type"] == "object"
    esb("docs", "-c", str(CONFIG), "--output", "api")
    assert any(Path("api").iterdir())


def check_services(extra: str) -> None:
    """Check configurations that ask for what only an extra brings."""
    os.environ["SMOKE_KEY"] = KEY
    keys = {"encryption_keys": ["${SMOKE_KEY}"]}
    wanted: dict[str, dict[str, Any]] = {
        "jwt": {"jwt": {"use": "bk_jwt", "config": {"public_key": public_key() if extra == "jwt" else "any"}}},
        "redis": {"store": {"use": "redis", "config": {"url": "redis://127.0.0.1:6379/0", **keys}}},
        "database": {"database": {"url": "sqlite:///esb.db", **keys}},
        "postgresql": {"database": {"url": "postgresql://127.0.0.1/esb", **keys}},
        "mysql": {"database": {"url": "mysql://127.0.0.1/esb", **keys}},
    }
    for needs, services in wanted.items():
        config: dict[str, Any] = {"version": 1, "services": services}
        config["components"] = [{"path": "/cmsi/get_msg_type/", "use": "cmsi_get_msg_type"}]
        Path("services.yaml").write_text(json.dumps(config), encoding="utf-8")
        if brings(extra, needs):
            assert esb("check", "-c", "services.yaml") == "ok: 1 components\n"
            if needs == "database":
                assert esb("db", "upgrade", "-c", "services.yaml").endswith("(before: none)\n")
        else:
            assert f"pip install 'esb-gateway[{needs}]'" in esb("check", "-c", "services.yaml", code=1)
            if "database" in services:
                assert f"pip install 'esb-gateway[{needs}]'" in esb("db", "upgrade", "-c", "services.yaml", code=78)


def check_templates(extra: str) -> None:
    """Check an alert_webhook: its own texts need no extra, templates do."""
    for title in ("Alert", "{{ title }}"):
        config = {"to": "/cmsi/get_msg_type/", "title": title}
        components = [
            {"path": "/alert/webhook/", "use": "alert_webhook", "config": config},
            {"path": "/cmsi/get_msg_type/", "use": "cmsi_get_msg_type"},
        ]
        Path("alerts.yaml").write_text(json.dumps({"version": 1, "components": components}), encoding="utf-8")
        if brings(extra, "templates") or title == "Alert":
            assert esb("check", "-c", "alerts.yaml") == "ok: 2 components\n"
        else:
            assert "pip install 'esb-gateway[templates]'" in esb("check", "-c", "alerts.yaml", code=1)


def check_pages(extra: str) -> None:
    """Check a portal: pages are made from templates."""
    config = {"version": 1, "server": {"portal": {"port": 0}}, "components": []}
    Path("pages.yaml").write_text(json.dumps(config), encoding="utf-8")
    if brings(extra, "templates"):
        assert esb("check", "-c", "pages.yaml") == "ok: 0 components\n"
    else:
        assert "pip install 'esb-gateway[portal]'" in esb("check", "-c", "pages.yaml", code=1)


def public_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(65537, 2048).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def serve(extra: str) -> None:
    """Serve with traces: without the extra they are missed, and nothing else."""
    told = until_ready("serve", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert ("pip install 'esb-gateway[otel]'" in told) == (extra != "otel"), told


def develop(extra: str) -> None:
    if extra == "watch":
        until_ready("dev")
    else:
        assert "pip install 'esb-gateway[watch]'" in esb("dev", "-c", str(CONFIG), code=1)


def until_ready(command: str, **environ: str) -> str:
    """Start `esb COMMAND`, end it once it listens, and return what it wrote to stderr."""
    Path("esb.yaml").write_text(CONFIG.read_text(encoding="utf-8").replace("8089", "0"), encoding="utf-8")
    with Path("stderr").open("w+", encoding="utf-8") as stderr:
        started = subprocess.Popen(
            [sys.executable, "-m", "esb", command, "-c", "esb.yaml", "--port", "0"],
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert started.stdout is not None
        with started.stdout as stdout:
            ready = next((line for line in stdout if line.startswith("listening on http://")), None)
            started.send_signal(signal.SIGTERM)
            code = started.wait(SECONDS)
        stderr.seek(0)
        told = stderr.read()
    assert (code, bool(ready)) == (0, True), told
    return told


def write_component(extra: str) -> None:
    """Write a component, and run the test that comes with it where that can be run."""
    Path("esb.yaml").write_text("version: 1\ninclude: [components/*.yaml]\ncomponents: []\n", encoding="utf-8")
    esb("new", "component", "-c", "esb.yaml", "demo", "hello")
    assert esb("check", "-c", "esb.yaml") == "ok: 1 components\n"
    if extra == "testing":
        subprocess.run([sys.executable, "-m", "pytest", "-q"], check=True, timeout=SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
