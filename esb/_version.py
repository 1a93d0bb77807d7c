"""The version of the gateway, and the oldest Python that it runs on."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - pip would not install it there, but a clone may be started
    sys.exit(f"esb-gateway needs Python 3.11 or newer; this is {sys.version.split()[0]}")

__version__ = "0.1.0"
