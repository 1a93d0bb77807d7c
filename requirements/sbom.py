"""The parts of the image as CycloneDX 1.6: the gateway, what it brings along, and the requirements image.txt locks.

    python requirements/sbom.py > esb-gateway.cdx.json

The same sources make the same document. Every wheel carries it (PEP 770).
"""

import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>.+?))? \\$", re.MULTILINE)


def bill_of_materials() -> str:
    """Return the document. FileNotFoundError or ValueError where this is no source of the gateway."""
    lock = (ROOT / "requirements" / "image.txt").read_text(encoding="utf-8")
    [version] = re.findall(r'^__version__ = "(.+)"$', (ROOT / "esb" / "_version.py").read_text(), re.MULTILINE)
    vendored = (ROOT / "requirements" / "vendored.json").read_text(encoding="utf-8")
    components = [
        *(component(match) for match in LOCKED.finditer(lock)),
        *(brought_along(each) for each in json.loads(vendored)),
    ]
    gateway = {
        "type": "application",
        "bom-ref": f"pkg:pypi/esb-gateway@{version}",
        "name": "esb-gateway",
        "version": version,
        "purl": f"pkg:pypi/esb-gateway@{version}",
        "licenses": [{"license": {"id": "MIT"}}],
    }
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, version + lock + vendored)}",
        "version": 1,
        "metadata": {"component": gateway},
        "components": components,
        "dependencies": [{"ref": gateway["bom-ref"], "dependsOn": [each["bom-ref"] for each in components]}],
    }
    return json.dumps(document, indent=2) + "\n"


def component(locked: re.Match[str]) -> dict[str, Any]:
    """Return one locked requirement, and where it is installed at all, if not everywhere."""
    reference = f"pkg:pypi/{locked['name']}@{locked['version']}"
    marker = [{"name": "esb:marker", "value": locked["marker"]}] if locked["marker"] else []
    return {
        "type": "library",
        "bom-ref": reference,
        "name": locked["name"],
        "version": locked["version"],
        "purl": reference,
        **({"properties": marker} if marker else {}),
    }


def brought_along(vendored: dict[str, Any]) -> dict[str, Any]:
    """Return one package of npm whose files lie among ours, as they were published."""
    reference = f"pkg:npm/{vendored['name']}@{vendored['version']}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": vendored["name"],
        "version": vendored["version"],
        "purl": reference,
        "licenses": [{"license": {"id": vendored["license"]}}],
    }


if __name__ == "__main__":
    sys.stdout.write(bill_of_materials())
