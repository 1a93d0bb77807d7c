"""The repository's own folders, for tests of what lies in them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
BAD_CONFIGS = ROOT / "tests" / "configs" / "bad"
BAD_ENVIRON = {
    "EMPTY": "",
    "ONE": "1",
    "PASSWORD": "correct-horse-battery-staple",
    "SECRET": "5e884898da28047151d0e56f8dc6292773603d0d",
    "KEY": "A" * 43 + "=",
    "NOT_UTF8": b"\xe9".decode("utf-8", "surrogateescape"),
}
"""The environment of the configurations in tests/configs. Nothing that is said shows the password or the secret."""
WARNED_CONFIGS = ROOT / "tests" / "configs" / "warned"
