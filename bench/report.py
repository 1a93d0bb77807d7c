"""Tables as Markdown has them, written and read; and a plot as SVG."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

ROW, LEFT, WIDTH, RIGHT = 26, 170, 460, 90


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows under these heads; all columns but the first are figures."""
    lines = [heads, ["---", *("--:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


class Table:
    """The first table in a text, read."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if line.startswith("|")]
        heads, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        self._rows = {row[0]: dict(zip(heads, row, strict=True)) for row in rows}

    def figure(self, row: str, column: str) -> float:
        """The figure in this row, under this head."""
        return float(self._rows[row][column])

    def column(self, head: str) -> dict[str, float]:
        """The figures under this head, by the names in the first column; empty cells are left out."""
        return {name: float(row[head]) for name, row in self._rows.items() if row[head]}


def plot(title: str, values: Mapping[str, float]) -> str:
    """A dot for each value on a logarithmic scale, the smallest first; ours stand out."""
    ordered = sorted(values.items(), key=lambda item: item[1])
    low, high = math.floor(math.log10(ordered[0][1])), math.ceil(math.log10(ordered[-1][1]))
    bottom = (len(ordered) + 1) * ROW + 6

    def across(value: float) -> int:
        return LEFT + round(WIDTH * (math.log10(value) - low) / (high - low))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{bottom + ROW}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        x = across(10.0**power)
        parts += [
            f'<line x1="{x}" y1="{ROW}" x2="{x}" y2="{bottom}" stroke="#dde1e6"/>',
            f'<text x="{x}" y="{bottom + 16}" text-anchor="middle" fill="#68717a">{10.0**power:g}</text>',
        ]
    for number, (name, value) in enumerate(ordered, 1):
        x, y = across(value), number * ROW + 14
        colour = "#1f6feb" if name.startswith("gateway") else "#8b95a1"
        parts += [
            f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>',
            f'<line x1="{LEFT}" y1="{y}" x2="{x}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>',
            f'<text x="{x + 10}" y="{y + 4}">{value:g}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
