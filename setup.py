"""Packaging entry point; the metadata lives in pyproject.toml. Wheels carry their bill of materials (PEP 770)."""

import runpy
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel


class WheelWithBillOfMaterials(bdist_wheel):
    """A wheel in whose .dist-info stands what the image is made of."""

    def write_wheelfile(self, wheelfile_base: str, *arguments: Any, **options: Any) -> None:
        super().write_wheelfile(wheelfile_base, *arguments, **options)
        script = runpy.run_path(str(Path(__file__).parent / "requirements" / "sbom.py"))
        folder = Path(wheelfile_base) / "sboms"
        folder.mkdir()
        (folder / "esb-gateway.cdx.json").write_text(script["bill_of_materials"](), encoding="utf-8")


setup(cmdclass={"bdist_wheel": WheelWithBillOfMaterials})
