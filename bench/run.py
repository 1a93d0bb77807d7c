"""Runs the whole bench, and writes what came of it: bench/figures.md, and a plot beside it."""

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from contenders import PEERS
from report import bars, figures

HERE = Path(__file__).parent
RELAYS = "gateway:httptools,gateway:aiohttp,bare_aiohttp"
PARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Instructions: an accepted send", "instr.py", ("--only", RELAYS)),
    ("Instructions: a refused app", "instr.py", ("--only", "gateway,constant", "--scenario", "refused")),
    ("Instructions: invalid parameters", "instr.py", ("--only", "gateway,constant", "--scenario", "invalid")),
    ("Instructions: an errcode of WeChat", "instr.py", ("--only", RELAYS, "--scenario", "errcode")),
    ("Instructions: upstream over TLS", "instr.py", ("--only", RELAYS, "--scenario", "tls")),
    ("Instructions: `use: http`", "instr.py", ("--only", "gateway:httptools,gateway:aiohttp", "--scenario", "relay")),
    ("CPU", "cpu.py", ()),
    ("CPU: upstream over TLS", "cpu.py", ("--only", RELAYS, "--scenario", "tls")),
    ("Latency", "latency.py", ()),
    ("Latency: an upstream that takes 50 ms", "latency.py", ("--scenario", "slow", "--sends", "30")),
    ("In flight", "inflight.py", ()),
    ("Start and memory", "cold.py", ()),
)
PLOTTED = "CPU"
PACKAGES = ("aiohttp", "uvloop", "httptools", "orjson", "pydantic")
PEER_PACKAGES = ("starlette", "fastapi", "uvicorn", "httpx", "django", "gunicorn", "requests")
TOLD_BY = "import importlib.metadata, sys; print(*map(importlib.metadata.version, sys.argv[1:]))"


def measured(script: str, arguments: tuple[str, ...]) -> str:
    """What this script prints; what went wrong, if it failed."""
    print(f"{script} {' '.join(arguments)}", file=sys.stderr)
    done = subprocess.run([sys.executable, str(HERE / script), *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else f"void: {done.stderr.strip().splitlines()[-1]}\n"


def versions() -> str:
    peers = [str(PEERS), "-c", TOLD_BY, *PEER_PACKAGES]
    theirs = subprocess.run(peers, capture_output=True, text=True, check=True).stdout.split()
    found = [(name, version(name)) for name in PACKAGES] + list(zip(PEER_PACKAGES, theirs, strict=True))
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr.rpartition("/")[2]
    told = [f"Python {platform.python_version()}", *(f"{name} {number}" for name, number in found)]
    return f"{datetime.now(UTC):%Y-%m-%d}; {', '.join(told)}, nginx {nginx.strip()}; {platform.machine()}."


def main() -> None:
    parts = [(title, measured(script, arguments)) for title, script, arguments in PARTS]
    told = dict(parts)
    if not told[PLOTTED].startswith("void"):
        plot = bars("CPU per send, the bare aiohttp relay being 1", figures(told[PLOTTED], 2))
        (HERE / "cpu.svg").write_text(plot)
    sections = "\n".join(f"## {title}\n\n{text}" for title, text in parts)
    head = f"# Figures of the last `make bench`\n\n{versions()}\n\n![CPU per send](cpu.svg)\n\n"
    (HERE / "figures.md").write_text(head + sections)
    print(sections)


if __name__ == "__main__":
    main()
