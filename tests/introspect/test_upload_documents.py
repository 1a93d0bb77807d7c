"""Components that take files, in the documents: a form, and files in it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from esb.cli.main import main
from esb.introspect.openapi import MULTIPART
from tests.support.repository import ROOT

STANZA = """\
version: 1
components:
  - {path: /drawings/archive/, methods: [POST], use: "archive:Archive", config: {url: "http://127.0.0.1:9"}}
"""


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    """A configuration beside the example that takes a file."""
    (tmp_path / "archive.py").write_text((ROOT / "examples" / "drawings" / "archive.py").read_text())
    path = tmp_path / "esb.yaml"
    path.write_text(STANZA)
    return path


def test_openapi_describes_a_form_with_so_many_files(drawings: Path) -> None:
    document = json.loads(CliRunner().invoke(main, ["openapi", "-c", str(drawings)]).output)

    operation = document["paths"]["/api/c/compapi/drawings/archive/"]["post"]
    content = operation["requestBody"]["content"]
    assert MULTIPART == "multipart/form-data"
    assert content == {MULTIPART: {"schema": {"$ref": "#/components/schemas/DrawingParams"}}}
    schema = document["components"]["schemas"]["DrawingParams"]
    file = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1, "maxItems": 1}
    assert schema["properties"]["drawing"] == {"description": "drawing", **file}
    assert "examples" not in schema  # no JSON holds one


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "They are the fields of a form (multipart/form-data), with files in: drawing"),
        ("zh-hans", "它们是表单（multipart/form-data）的字段，其中的文件：drawing"),
    ],
)
def test_a_page_tells_of_the_form(drawings: Path, language: str, told: str) -> None:
    page = CliRunner().invoke(main, ["docs", "drawings", "archive", "-c", str(drawings), "--language", language]).output

    assert told in page
    assert "| drawing | list[file] |" in page
    assert '"drawing"' not in page


def test_bounds_of_a_list_of_files_are_told_as_such(drawings: Path) -> None:
    page = CliRunner().invoke(main, ["docs", "drawings", "archive", "-c", str(drawings)]).output

    assert "| drawing | list[file] | yes | drawing; at least 1 items; at most 1 items |" in page
