"""Stands before the installed package when this folder is on PYTHONPATH: a machine that has none.

`make test-aiohttp` runs every test that way, in every process that a test starts.
"""

raise ImportError("httptools is not installed, or so it shall seem")
