"""An aiohttp gateway for an enterprise service bus. This is the face: all that a plugin may import.

Its names are loaded when the first of them is asked for: a program with `esb.client` needs none of them.
"""

import importlib
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from esb._version import __version__ as __version__

if TYPE_CHECKING:
    from esb._face import *  # noqa: F403 - the list of names stands there
    from esb._face import __all__ as __all__
else:

    def __getattr__(name: str) -> Any:
        own = sys.modules[__name__]
        # `from esb import client` asks here before it looks for the file: then nothing else is loaded.
        if name == "__all__" or not (name.startswith("_") or PathFinder.find_spec(f"esb.{name}", own.__path__)):
            face = importlib.import_module("esb._face")
            globals().update({each: getattr(face, each) for each in face.__all__}, __all__=face.__all__)
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module 'esb' has no attribute {name!r}", name=name, obj=own)

    def __dir__() -> list[str]:
        return sorted({*globals(), *importlib.import_module("esb._face").__all__})
