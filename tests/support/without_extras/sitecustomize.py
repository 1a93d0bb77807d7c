"""Hides the modules that HIDDEN_MODULES names from a Python that has this folder on its PYTHONPATH.

So a machine looks that has installed the wheel and no extra: every process that a test starts reads this first.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


class Hidden(MetaPathFinder):
    """A finder that is asked first, and knows of some modules that they are not installed."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


hidden = frozenset(os.environ.get("HIDDEN_MODULES", "").split(","))
sys.meta_path.insert(0, Hidden(hidden))
for name in hidden & sys.modules.keys():  # loaded by a file of the virtual environment, before this one
    del sys.modules[name]
