"""A gateway without what only makes it faster: orjson, uvloop and aiohttp's extensions in C."""

import os
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

WITHOUT = """\
import sys
for name in {missing}:
    sys.modules[name] = None  # importing it raises ImportError, as if it were not installed
from esb.cli import main
from esb.core import json_codec
from esb.server import serve
assert json_codec.orjson is None
assert serve.uvloop is None
main.main()
"""
FASTER = ("httptools", "orjson", "uvloop")
EXTRAS = ("jwt", "cryptography")


def demonstrated(missing: tuple[str, ...], **environ: str) -> subprocess.CompletedProcess[str]:
    """`esb demo` of the configuration as it ships, where these modules cannot be imported."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT.format(missing=missing), "demo", "-c", "conf/esb.yaml"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.mark.parametrize(
    ("missing", "environ"),
    [(FASTER, {}), (FASTER + EXTRAS, {"AIOHTTP_NO_EXTENSIONS": "1", "MULTIDICT_NO_EXTENSIONS": "1"})],
)
def test_a_message_is_sent_without_what_only_makes_it_faster(missing: tuple[str, ...], environ: dict[str, str]) -> None:
    done = demonstrated(missing, **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "arrived in WeChat, for zhangsan" in done.stdout
    assert '"message": "OK"' in done.stdout
