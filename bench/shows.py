"""The bounds of the gateway's speed: each measure with its figure, the bound that it must keep, and its aim.

Run alone, it measures what these need, and nothing else.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from parts import COLD, CPU, CPU_TLS, IN_FLIGHT, LATENCY, REFUSED, SEND, Failed, Part
from report import Table, table

OURS = "gateway:httptools"
"""The default engine."""
OTHER = "gateway:aiohttp"


@dataclass(frozen=True)
class Row:
    """One measure. `figure` reads it from what the part has printed; `more` is better, or less."""

    measure: str
    part: Part
    figure: Callable[[Table], float]
    must: float
    aim: float
    more: bool = False

    def cells(self, printed: str) -> tuple[str, ...]:
        figure = self.figure(Table(printed))
        better = operator.ge if self.more else operator.le
        verdict = "aim" if better(figure, self.aim) else "must" if better(figure, self.must) else "**missed**"
        sign = "≥" if self.more else "≤"
        return self.measure, f"{figure:g}", f"{sign} {self.must:g}", f"{sign} {self.aim:g}", verdict


def _instructions(engines: tuple[str, ...], clients: int) -> Callable[[Table], float]:
    return lambda read: min(read.figure(engine, f"ratio, {clients} clients") for engine in engines)


def _times(peer: str) -> Callable[[Table], float]:
    return lambda read: read.figure(peer, "gateway's sends per CPU")


ROWS = (
    *(
        Row(f"instructions per send / bare aiohttp relay, fastest engine, {clients} clients", SEND, figure, 0.85, 0.65)
        for clients in (4, 64)
        for figure in [_instructions((OURS, OTHER), clients)]
    ),
    *(
        Row(f"the same with the aiohttp engine, {clients} clients", SEND, figure, 1.25, 1.15)
        for clients in (4, 64)
        for figure in [_instructions((OTHER,), clients)]
    ),
    Row("sends per CPU / FastAPI + aiohttp client", CPU, _times("fastapi_aiohttp"), 2, 2.8, more=True),
    Row("sends per CPU / FastAPI + httpx, 16 clients", CPU, _times("fastapi_httpx"), 10, 15, more=True),
    Row("sends per CPU / Django as the old ESB", CPU, _times("django_esb"), 16, 25, more=True),
    Row("the same, WeCom over TLS as it is", CPU_TLS, _times("django_esb"), 16, 25, more=True),
    Row("refused app: instructions / aiohttp handler of a constant", REFUSED, _instructions((OURS,), 4), 1.6, 1.35),
    Row("p50 added at one client / bare aiohttp relay's", LATENCY, lambda read: read.figure(OURS, "ratio"), 1.1, 0.9),
    Row(
        "4000 in flight, upstream 1 s: errors",
        IN_FLIGHT,
        lambda read: read.figure(f"{OURS}, 4000 calls", "errors"),
        0,
        0,
    ),
    Row(
        "4000 in flight, upstream 1 s: KB each",
        IN_FLIGHT,
        lambda read: read.figure(f"{OURS}, 4000 calls", "KB each"),
        32,
        24,
    ),
    Row(
        "start to first answer / `import aiohttp.web, pydantic`",
        COLD,
        lambda read: read.figure(OURS, "ratio"),
        1.8,
        1.4,
    ),
    Row("idle memory of the process, MB", COLD, lambda read: read.figure(OURS, "MB idle"), 55, 42),
)


def shows(printed: Mapping[Part, str]) -> str:
    """The measures of which the parts have printed figures; a part that failed has none."""
    rows = [
        row.cells(printed[row.part]) if row.part in printed else (row.measure, "void", "", "", "**missed**")
        for row in ROWS
    ]
    return table(("measure", "figure", "must", "aim", "reached"), rows)


def main() -> None:
    printed = {}
    for part in dict.fromkeys(row.part for row in ROWS):
        try:
            printed[part] = part.measured()
        except Failed as error:
            print(f"{part.title}: void: {error}")
    print(shows(printed))


if __name__ == "__main__":
    main()
