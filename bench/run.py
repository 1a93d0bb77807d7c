"""Runs the whole bench, and writes what came of it: bench/RESULTS.md, and the plot in it."""

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from contenders import PEERS
from parts import CPU, HERE, PARTS, Failed, Part
from report import Table, plot
from shows import shows

PACKAGES = ("aiohttp", "uvloop", "httptools", "orjson", "pydantic")
PEER_PACKAGES = ("starlette", "fastapi", "uvicorn", "httpx", "django", "gunicorn", "requests")
TOLD_BY = "import importlib.metadata, sys; print(*map(importlib.metadata.version, sys.argv[1:]))"
HEAD = """\
# Results

What `make bench` wrote on {date}, in {minutes} minutes. Everything is measured beside its peers in the same run: the
ratios say something, the absolute figures little. [README.md](README.md) says what each table means.

{versions}.

{machine}.

"""


def versions() -> str:
    peers = [str(PEERS), "-c", TOLD_BY, *PEER_PACKAGES]
    theirs = subprocess.run(peers, capture_output=True, text=True, check=True).stdout.split()
    found = [(name, version(name)) for name in PACKAGES] + list(zip(PEER_PACKAGES, theirs, strict=True))
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.rpartition("/")[2]
    told = [f"Python {platform.python_version()}", *(f"{name} {number}" for name, number in found)]
    return f"Versions: {', '.join(told)}, nginx {nginx.strip()}"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
    known = [platform.machine(), model, f"{os.cpu_count()} processors", f"{memory} GB"]
    return f"Machine: {', '.join(filter(None, known))}, Linux {platform.release()}"


def main() -> None:
    begun = time.monotonic()
    printed: dict[Part, str] = {}
    sections = []
    for part in PARTS:
        try:
            printed[part] = part.measured()
        except Failed as error:
            sections.append(f"## {part.title}\n\nvoid: {error}\n")
        else:
            sections.append(f"## {part.title}\n\n{printed[part]}")
    minutes = f"{(time.monotonic() - begun) / 60:.0f}"
    head = HEAD.format(date=f"{datetime.now(UTC):%Y-%m-%d}", minutes=minutes, versions=versions(), machine=machine())
    told = f"{head}## What it is held to\n\n{shows(printed)}\n\n"
    if CPU in printed:
        values = Table(printed[CPU]).column("µs of CPU per send")
        values.pop("control", None)
        (HERE / "cpu.svg").write_text(plot("µs of CPU per send, 16 clients, logarithmic", values))
        told += "![CPU per send](cpu.svg)\n\n"
    (HERE / "RESULTS.md").write_text(told + "\n".join(sections))
    print(told + "\n".join(sections))
    if len(printed) < len(PARTS):
        sys.exit("a part of the bench is void")


if __name__ == "__main__":
    main()
