"""What the image is made of: locked, named, and from bases of exact versions."""

import json
import re
import tomllib
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from esb._version import __version__
from tests.support.processes.interpreter import python
from tests.support.repository import ROOT

IMAGE_EXTRAS = ("jwt", "otel", "redis")
LOCKS = {"image": ROOT / "requirements" / "image.txt", "build": ROOT / "requirements" / "build.txt"}
EXACT = r"[\w/.-]+:\d+\.\d+\.\d+(-[\w-]+)?"


def locked(name: str) -> dict[str, str]:
    """Return the versions that a lock file names."""
    found = re.findall(r"^([\w.-]+)==([^\s;\\]+)", LOCKS[name].read_text(), re.MULTILINE)
    assert len(dict(found)) == len(found)
    return {canonicalize_name(package): version for package, version in found}


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def wanted(name: str) -> list[Requirement]:
    """Return what pyproject.toml wants of a lock file."""
    if name == "build":
        return [Requirement(line) for line in pyproject()["build-system"]["requires"]]
    project = pyproject()["project"]
    extras = [line for extra in IMAGE_EXTRAS for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in (*project["dependencies"], *extras)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_locked_in_a_version_that_pyproject_promises(name: str) -> None:
    versions = locked(name)
    for requirement in wanted(name):
        assert requirement.specifier.contains(Version(versions[canonicalize_name(requirement.name)])), requirement


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_version_has_its_digests_and_no_index_is_named(name: str) -> None:
    text = LOCKS[name].read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(entries) == len(locked(name))
    for entry in entries:
        assert re.fullmatch(r"[\w.-]+==\S+( ; .+?)? \\(\n {4}--hash=sha256:[0-9a-f]{64}( \\)?)+", entry), entry
    assert "://" not in text
    assert not re.search(r"^--(?!hash)", text, re.MULTILINE)


def dockerfile() -> list[str]:
    text = (ROOT / "deploy" / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_image_installs_nothing_that_is_not_locked() -> None:
    commands = [command.split() for line in dockerfile() for command in line.removeprefix("RUN ").split("&&")]
    installs = [" ".join(words) for words in commands if {"install", "wheel"} & {*words} and words[0].endswith("/pip")]
    assert len(installs) == 4
    for install in installs:
        lock = re.search(r"--require-hashes -r (\S+)", install)
        if lock is not None:
            assert ROOT / lock[1] in LOCKS.values()
        else:
            assert {"--no-deps", "--no-index"} <= set(install.split())


def test_images_have_exact_versions_and_take_a_digest() -> None:
    lines = dockerfile()
    [base] = [line.partition("=")[2] for line in lines if line.startswith("ARG PYTHON_IMAGE=")]
    assert re.fullmatch(EXACT, base)
    assert "ARG PYTHON_DIGEST=" in lines
    for line in lines:
        if line.startswith("FROM"):
            assert line.split()[1] == "${PYTHON_IMAGE}${PYTHON_DIGEST}"
    compose = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yaml").read_text())["services"]
    assert re.fullmatch(EXACT + r"\$\{REDIS_DIGEST:-\}", compose["redis"]["image"])
    assert compose["gateway"]["image"] == f"esb-gateway:{__version__}"
    kubernetes = (ROOT / "deploy" / "kubernetes" / "gateway.yaml").read_text()
    assert set(re.findall(r"image: (\S+)", kubernetes)) == {f"esb-gateway:{__version__}"}


def vendored() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / "requirements" / "vendored.json").read_text())
    return found


def test_files_of_others_are_as_they_were_published_and_have_their_licence_beside_them() -> None:
    static = ROOT / "esb" / "portal" / "static"
    licences = " ".join(path.read_text() for path in (static / "licenses").iterdir())
    for package in vendored():
        for name, digest in package["files"].items():
            assert sha256((ROOT / name).read_bytes()).hexdigest() == digest, name
    assert "Apache License" in licences
    assert "Zero-Clause BSD" in licences
    named = {Path(name).name for package in vendored() for name in package["files"]}
    minified = {
        path.name for path in static.glob("*.*s") if len(text := path.read_text()) > 400 * len(text.splitlines())
    }
    assert minified == named


def test_files_that_browsers_get_take_less_than_a_megabyte_of_the_wheel() -> None:
    files = [path for path in (ROOT / "esb" / "portal" / "static").rglob("*") if path.is_file()]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) < 1_000_000


def test_the_bill_of_materials_names_the_gateway_and_all_that_is_locked(tmp_path: Path) -> None:
    done = python(str(ROOT / "requirements" / "sbom.py"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    bill = json.loads(done.stdout)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/esb-gateway@{__version__}"
    python_ones = [each for each in bill["components"] if each["purl"].startswith("pkg:pypi/")]
    assert {canonicalize_name(each["name"]): each["version"] for each in python_ones} == locked("image")
    others = {each["name"]: each["version"] for each in bill["components"] if each not in python_ones}
    assert others == {each["name"]: each["version"] for each in vendored()}
    references = [each["bom-ref"] for each in bill["components"]]
    assert len(set(references)) == len(references)
    assert bill["dependencies"][0]["dependsOn"] == references


AUDITED = {"name": "aiohttp", "version": "1.0", "vulns": [{"id": "GHSA-1", "fix_versions": ["2.0"]}]}
SOUND = {"name": "yarl", "version": "1.0", "vulns": []}
SKIPPED = {"name": "uvloop", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        (
            {"dependencies": [AUDITED, SOUND]},
            1,
            "aiohttp 1.0: GHSA-1, mended in 2.0\n2 of 2 requirements audited, 1 known",
        ),
        ({"dependencies": [SOUND, SKIPPED]}, 0, "1 of 2 requirements audited, 0 known holes"),
        ({"dependencies": [SKIPPED]}, 0, ""),
        ("no network", 0, ""),
    ],
)
def test_an_audit_tells_known_holes_and_where_it_proves_nothing(
    said: Any, code: int, told: str, tmp_path: Path
) -> None:
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(said) if isinstance(said, dict) else said}\nEND\n")
    tool.chmod(0o755)
    done = python(str(ROOT / ".ci" / "audit.py"), str(tool), folder=tmp_path)
    assert (done.returncode, done.stdout.startswith(told)) == (code, True), done.stderr
    assert ("nothing is audited" in done.stderr) == (not told)
