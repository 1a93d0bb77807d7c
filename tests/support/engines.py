"""The engines of the way out, as far as this machine has them."""

import pytest

from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.engines.httptools import INSTALLED, HttptoolsEngine

needs_httptools = pytest.mark.skipif(not INSTALLED, reason="httptools is not installed")
ENGINES = [AiohttpEngine, pytest.param(HttptoolsEngine, marks=needs_httptools)]
