"""Soaks of many seeds, the last of them beside busy loops, and the sum of what they found.

Exit code 0 only if each was sound.

    python bench/soak_seeds.py --seeds 20 --beside-loops 5 --sends 10000
"""

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

SOAK = Path(__file__).with_name("soak.py")
LOOPS = 2
FAULTS = ("lost", "duplicated", "denied", "contradictory", "formless", "leaks")


@contextmanager
def busy_loops(number: int) -> Iterator[None]:
    """Keep so many processors busy with nothing."""
    with ExitStack() as stack:
        for _ in range(number):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(loop.kill)
        yield


def soak(seed: int, sends: int) -> tuple[int, Counter[str]]:
    """Print how the soak of this seed ended; return its exit code, and what it counted."""
    command = [sys.executable, str(SOAK), "--sends", str(sends), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr, end="", flush=True)
    else:
        print(f"{done.stdout.splitlines()[-1]}\n", end="", flush=True)  # in one piece: others print, too
    counted = re.findall(r"^ *(\w+) +(\d+)$", done.stdout, re.MULTILINE)
    return done.returncode, Counter({name: int(number) for name, number in counted})


def all_of(seeds: Iterable[int], sends: int, at_once: int) -> list[tuple[int, Counter[str]]]:
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda seed: soak(seed, sends), seeds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--beside-loops", type=int, default=5, help="how many of them, the last, beside two busy loops")
    parser.add_argument("--sends", type=int, default=10_000)
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    alone = max(0, len(seeds) - arguments.beside_loops)
    results = all_of(seeds[:alone], arguments.sends, os.cpu_count() or 1)
    with busy_loops(LOOPS):
        results += all_of(seeds[alone:], arguments.sends, 1)
    total = sum((counted for _, counted in results), Counter())
    print(", ".join(f"{name} {total[name]}" for name in ("calls", *FAULTS)))
    unsound = [seed for seed, (code, _) in zip(seeds, results, strict=True) if code]
    print(f"NOT sound: seeds {', '.join(map(str, unsound))}" if unsound else f"all {len(seeds)} seeds sound")
    return 1 if unsound else 0


if __name__ == "__main__":
    sys.exit(main())
