"""Colours that a sender chose, as the nearest of a few that can be read on any ground: no style is a sender's own."""

import re
from colorsys import rgb_to_hls

HEX = re.compile("#?" + "([0-9a-fA-F]{2})" * 3)
SECTORS = ((20, "red"), (65, "amber"), (165, "green"), (200, "teal"), (260, "blue"), (320, "violet"), (361, "red"))
"""Upper ends of the sectors of the colour circle, in degrees."""
GRAY = 0.12
"""Saturation below which a colour is none."""


def hue(color: str) -> str:
    """Return the name of the colour nearest to `#173177` and its like; "plain" for black, gray and what is none."""
    found = HEX.fullmatch(color.strip())
    if found is None:
        return "plain"
    degrees, lightness, saturation = rgb_to_hls(*(int(part, 16) / 255 for part in found.groups()))
    if saturation < GRAY or not 0.04 < lightness < 0.98:
        return "plain"
    return next(name for end, name in SECTORS if degrees * 360 < end)
