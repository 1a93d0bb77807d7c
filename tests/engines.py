"""The engines of the way out, as far as this machine has them."""

import pytest

from esb.outgoing.aiohttp_engine import AiohttpEngine
from esb.outgoing.httptools_engine import INSTALLED, HttptoolsEngine

needs_httptools = pytest.mark.skipif(not INSTALLED, reason="httptools is not installed")
ENGINES = [AiohttpEngine, pytest.param(HttptoolsEngine, marks=needs_httptools)]
