"""A client of the gateway that openapi-python-client makes of `esb openapi`."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support.configuration import DEMO

PACKAGE = "esb_gateway_client"
"""Name of the package that is generated: the title of the document."""


def generate(document: dict[str, Any], folder: Path) -> str:
    """Write the client into `folder`; return what the generator said. It fails where it warns."""
    described = folder / "openapi.json"
    described.write_text(json.dumps(document))
    (folder / "untidied.yaml").write_text("post_hooks: []")  # nobody reads it
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none",
         "--config", str(folder / "untidied.yaml"),
         "--path", str(described), "--output-path", str(folder / PACKAGE)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Make the package importable meanwhile; others of its name may come later."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def operations(folder: Path) -> set[str]:
    """Return the names of the generated operations, each `tag.name`."""
    files = (folder / PACKAGE / "api").glob("*/*.py")
    return {f"{file.parent.name}.{file.stem}" for file in files if file.stem != "__init__"}


def client(url: str) -> Any:
    """Make the generated client of the gateway at this address, with credentials."""
    return module().AuthenticatedClient(
        base_url=url, token=json.dumps(DEMO), prefix="", auth_header_name="X-Bkapi-Authorization"
    )


def module(name: str = "") -> ModuleType:
    """Import a module of the generated package."""
    return importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)
