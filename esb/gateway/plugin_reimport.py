"""Plugins beside esb.yaml, imported anew: what is installed stays as it is until the process starts again."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import esb

INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of what pip installed; a virtual environment may lie beside esb.yaml."""
OURS = f"{Path(esb.__file__).parent}{os.sep}"


@contextmanager
def reimported(*folders: Path) -> Iterator[None]:
    """Import modules from these folders anew inside the context. If an error leaves it, all are the old ones again."""
    old = _modules(*folders)
    for name, module in old.items():
        del sys.modules[name]
        _forget_bytecode(module)
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        for name in _modules(*folders):
            del sys.modules[name]
        sys.modules.update(old)
        raise


def forget(folder: Path) -> None:
    """Import nothing from this folder any more: the plugins beside another esb.yaml may have the same names."""
    for name in _modules(folder):
        del sys.modules[name]
    with suppress(ValueError):
        sys.path.remove(str(folder))
    importlib.invalidate_caches()


def _modules(*folders: Path) -> dict[str, ModuleType]:
    """Return the modules of these folders, by name; packages without an __init__.py too: they remember theirs."""
    places = {place for folder in folders for place in (folder, folder.resolve())}
    return {
        name: module
        for name, module in tuple(sys.modules.items())
        if name != "__main__" and any(_lies_in(path, place) for path in _paths(module) for place in places)
    }


def _paths(module: ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    return [file] if file else list(getattr(module, "__path__", ()))


def _lies_in(path: str, folder: Path) -> bool:
    if not path.startswith(f"{folder}{os.sep}") or path.startswith(OURS):
        return False
    return INSTALLED.isdisjoint(path.removeprefix(str(folder)).split(os.sep))


def _forget_bytecode(module: ModuleType) -> None:
    """Delete the compiled file: Python knows an edit by size and second, so two in one second look the same."""
    cached = getattr(module, "__cached__", None)
    if cached:
        with suppress(OSError):
            Path(cached).unlink()
