"""Packaging entry point; the metadata lives in pyproject.toml, but for README.md as a page of its own.

Wheels carry their bill of materials (PEP 770).
"""

import re
import runpy
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class WheelWithBillOfMaterials(bdist_wheel):
    """A wheel in whose .dist-info stands what the image is made of."""

    def write_wheelfile(self, wheelfile_base: str, *arguments: Any, **options: Any) -> None:
        super().write_wheelfile(wheelfile_base, *arguments, **options)
        script = runpy.run_path(str(ROOT / "requirements" / "sbom.py"))
        folder = Path(wheelfile_base) / "sboms"
        folder.mkdir()
        (folder / "esb-gateway.cdx.json").write_text(script["bill_of_materials"](), encoding="utf-8")


def page(readme: str) -> str:
    """Return README.md as it reads without the repository: links into it say their file."""

    def place(match: re.Match[str]) -> str:
        text, file = match["text"], match["file"]
        return f"`{file}`" if text == file else f"{text} (`{file}`)"

    return re.sub(r"\[(?P<text>[^\]]+)\]\((?!https?:)(?P<file>[^)#\s]+)[^)]*\)", place, readme)


ROOT = Path(__file__).parent

setup(
    cmdclass={"bdist_wheel": WheelWithBillOfMaterials},
    long_description=page((ROOT / "README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
)
