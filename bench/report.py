"""Tables as Markdown has them, and a plot of bars as SVG."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

BAR, GAP, LEFT, WIDTH = 20, 8, 170, 420


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows under these heads; all columns but the first are figures."""
    lines = [heads, ["---", *("--:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figures(text: str, column: int) -> dict[str, float]:
    """The figures in this column of the first table in the text, by the name in its first column."""
    rows = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("|")][2:]
    return {row[0]: float(row[column]) for row in rows if row[column].strip()}


def bars(title: str, values: Mapping[str, float]) -> str:
    """The values as bars; shorter is better."""
    most = max(values.values())
    height = (len(values) + 1) * (BAR + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="{BAR}" font-weight="bold">{escape(title)}</text>',
    ]
    for row, (name, value) in enumerate(values.items(), 1):
        top = row * (BAR + GAP) + GAP // 2
        length = max(1, round(WIDTH * value / most))
        colour = "#2a7ae2" if name.startswith("gateway") else "#9aa5b1"
        parts += [
            f'<text x="{LEFT - 6}" y="{top + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LEFT + length + 6}" y="{top + 15}">{value:g}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
