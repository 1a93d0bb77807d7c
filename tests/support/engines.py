"""The engines of the way out, as far as this machine has them."""

import pytest

from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.engines.httptools import HttptoolsEngine

needs_httptools = pytest.mark.httptools
"""Left out by tests/conftest.py where httptools is not installed."""
ENGINES = [AiohttpEngine, pytest.param(HttptoolsEngine, marks=needs_httptools)]
