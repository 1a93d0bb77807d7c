"""The repository's own folders, for tests of what lies in them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
BAD_CONFIGS = ROOT / "tests" / "configs" / "bad"
BAD_ENVIRON = {
    "EMPTY": "",
    "ONE": "1",
    "PASSWORD": "correct-horse",
    "NOT_UTF8": b"\xe9".decode("utf-8", "surrogateescape"),
}
"""The environment of the configurations in tests/configs. No mistake shows the password."""
WARNED_CONFIGS = ROOT / "tests" / "configs" / "warned"
