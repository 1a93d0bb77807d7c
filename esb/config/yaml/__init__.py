"""A YAML file as a tree of sections: plain data in which every key and every item knows its line.

A word without quotes means what JSON, YAML 1.1 and YAML 1.2 agree on: `null`, `true`, `false`, numbers. What they
quarrel about (`yes`, `on`, `1e3`) is a text first, and read again where its key refuses a text. Dates, times (`12:30`)
and numbers with leading zeros or underscores are texts and stay texts.
"""

from esb.config.yaml.explain import MistakesBelow
from esb.config.yaml.scalars import did_you_mean, joined, loosely, nearest
from esb.config.yaml.section import PLACEHOLDERS, Section, read
from esb.config.yaml.written import written

__all__ = [
    "PLACEHOLDERS",
    "MistakesBelow",
    "Section",
    "did_you_mean",
    "joined",
    "loosely",
    "nearest",
    "read",
    "written",
]
