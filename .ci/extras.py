"""Install the wheel with each extra alone and with none, and check what is there then.

`python .ci/extras.py WHEEL FOLDER`: the virtual environments are made in this folder.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = {"test", "dev"}
"""Extras for work on the gateway: they hold all others."""


def main(wheel: str, folder: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in ("", *sorted(set(project["optional-dependencies"]) - OURS)):
        place = Path(folder) / (extra or "none")
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        python = place / "bin" / "python"
        install = (python, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        subprocess.run([*install, f"{wheel}[{extra}]" if extra else wheel], check=True)
        subprocess.run([python, "-m", "pip", "check", "-q", "--disable-pip-version-check"], check=True)
        subprocess.run([python, "-W", "error", ROOT / ".ci" / "smoke.py", *filter(None, [extra])], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
