"""The repository's own folders, for tests of what lies in them."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
BAD_CONFIGS = ROOT / "tests" / "configs" / "bad"
