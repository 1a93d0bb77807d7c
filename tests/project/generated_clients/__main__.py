"""`make clients`: generate clients of all components, compile them, and send with them through a real gateway."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.support import openapi_client
from tests.support.configuration import DEMO, SERVICES
from tests.support.every_component import EVERYTHING
from tests.support.processes.command_line import Running, run, running
from tests.support.repository import ROOT

TOOLS = ROOT / ".venv" / "clients"
"""The folder in which `make clients` installs the generators."""
HERE = Path(__file__).parent
JARS = [
    f"/usr/share/java/{name}.jar"
    for name in ("jackson-core", "jackson-databind", "jackson-annotations", "jsr305", "geronimo-annotation-1.3-spec")
]
"""Debian's, against which the Java models are compiled."""
ANSWERED = [False, ["zhangsan"], ["nobody"]]
"""Result, accepted and failed receivers of each client's message."""
STRICT = ["--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom"]


def main() -> None:
    """Try every generator; exit code 1 at the first that warns, does not compile or does not send."""
    with TemporaryDirectory(prefix="esb-") as name:
        folder = Path(name)
        config = folder / "esb.yaml"
        shared = SERVICES.replace("version: 1\n", "version: 1\nserver: {port: 0}\nsandbox: {port: 0}\n")
        config.write_text(f"{shared}components:\n{EVERYTHING}", encoding="utf-8")
        for version in ("3.1", "3.0"):
            described = run("openapi", "--openapi", version, "-c", config).stdout
            (folder / f"{version}.json").write_text(described, encoding="utf-8")
        with running("serve", "-c", config, log=folder / "log") as gateway:
            for attempt in (python_client, typescript_fetch, openapi_fetch, java_models):
                attempt(folder, gateway)
                click.echo(attempt.__doc__)


def python_client(folder: Path, gateway: Running) -> None:
    """openapi-python-client: generated without a warning."""
    openapi_client.generate(json.loads((folder / "3.1.json").read_text()), folder)


def typescript_fetch(folder: Path, gateway: Running) -> None:
    """openapi-generator, typescript-fetch: generated, compiled, sent."""
    into = _copied(folder / "fetch", "send_by_fetch.ts")
    _generated(folder / "3.1.json", into / "generated", "typescript-fetch")
    _done("npx", "tsc", *STRICT, "--module", "commonjs", str(into / "send_by_fetch.ts"))
    _sent(gateway, into / "send_by_fetch.js")


def openapi_fetch(folder: Path, gateway: Running) -> None:
    """openapi-typescript and openapi-fetch: generated, compiled, sent."""
    into = _copied(folder / "openapi_fetch", "send_by_openapi_fetch.ts")
    (into / "node_modules").symlink_to(TOOLS / "node_modules")
    (into / "package.json").write_text('{"type": "module"}')
    _done("npx", "openapi-typescript", str(folder / "3.1.json"), "-o", str(into / "generated.ts"))
    modern = ["--module", "esnext", "--moduleResolution", "bundler"]
    _done("npx", "tsc", *STRICT, *modern, str(into / "send_by_openapi_fetch.ts"))
    _sent(gateway, into / "send_by_openapi_fetch.js")


def java_models(folder: Path, gateway: Running) -> None:
    """openapi-generator, Java: generated without a warning, models compiled."""
    into = folder / "java"
    options = ("--library", "resttemplate", "--additional-properties=openApiNullable=false")
    told = _generated(folder / "3.0.json", into, "java", *options)
    if warned := [line for line in told.splitlines() if "WARN" in line]:
        sys.exit("\n".join(warned))
    models = map(str, (into / "src/main/java/org/openapitools/client/model").glob("*.java"))
    _done("javac", "-Werror", "-d", str(into / "classes"), "-cp", ":".join(JARS), *models)


def _copied(folder: Path, program: str) -> Path:
    folder.mkdir()
    (folder / program).write_text((HERE / program).read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def _generated(document: Path, into: Path, generator: str, *options: str) -> str:
    jar = next(TOOLS.glob("lib/*/site-packages/openapi_generator_cli/openapi-generator.jar"))
    return _done("java", "-jar", str(jar), "generate", "-i", str(document), "-o", str(into), "-g", generator, *options)


def _sent(gateway: Running, program: Path) -> None:
    """Run a program that sends; its last line tells what came back."""
    told = _done("node", str(program), gateway.url, json.dumps(DEMO))
    if json.loads(told.splitlines()[-1]) != ANSWERED:
        sys.exit(f"{program.name}: {told}")


def _done(*command: str) -> str:
    """Run a command to its end and return what it printed; exit with it if it fails."""
    done = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(command)[:200]}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
