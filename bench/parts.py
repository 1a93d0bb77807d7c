"""The parts of the bench: what each script is asked to measure."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ENGINES = "gateway:httptools,gateway:aiohttp"
RELAYS = f"{ENGINES},bare_aiohttp"


class Failed(Exception):
    """A script measured nothing: an answer was wrong, or a server did not start. The text is its own."""


@dataclass(frozen=True)
class Part:
    """One run of one script."""

    title: str
    script: str
    arguments: tuple[str, ...] = ()

    def measured(self) -> str:
        """Return the script's output. Failed if it fails."""
        print(f"{self.script} {' '.join(self.arguments)}", file=sys.stderr, flush=True)
        command = [sys.executable, str(HERE / self.script), *self.arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
        return done.stdout


SEND = Part("Instructions: an accepted send", "instr.py", ("--only", RELAYS))
REFUSED = Part("Instructions: a refused app", "instr.py", ("--scenario", "refused", "--only", f"{ENGINES},constant"))
TLS = Part(
    "Instructions: an upstream over TLS",
    "instr.py",
    # Under valgrind more handshakes at once than these would take longer than a connection may.
    ("--scenario", "tls", "--connections", "4", "--only", RELAYS),
)
CPU = Part("CPU: an accepted send", "cpu.py")
CPU_TLS = Part(
    "CPU: an upstream over TLS", "cpu.py", ("--scenario", "tls", "--only", f"{RELAYS},fastapi_aiohttp,django_esb")
)
LATENCY = Part("Latency: an accepted send", "latency.py")
SLOW = Part(
    "Latency: an upstream that takes 50 ms", "latency.py", ("--scenario", "slow", "--sends", "20", "--rounds", "5")
)
IN_FLIGHT = Part("Calls in flight", "inflight.py")
COLD = Part("Start and memory", "cold.py")

PARTS = (
    SEND,
    REFUSED,
    Part("Instructions: invalid parameters", "instr.py", ("--scenario", "invalid", "--only", f"{ENGINES},constant")),
    Part("Instructions: an errcode of WeChat", "instr.py", ("--scenario", "errcode", "--only", RELAYS)),
    Part("Instructions: `use: http`", "instr.py", ("--scenario", "relay", "--only", RELAYS)),
    TLS,
    CPU,
    CPU_TLS,
    LATENCY,
    SLOW,
    IN_FLIGHT,
    COLD,
)
