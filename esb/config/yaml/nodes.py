"""YAML text as nodes that know their lines. The one file that knows yaml's machinery."""

from typing import Any

import yaml
from yaml.composer import Composer

from esb.core.errors import ConfigError, Mistake

MAX_DEPTH = 100
PLAIN, QUOTED = "plain", "quoted"
TAGS = {PLAIN, QUOTED, "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}


def composed(text: str, file: str) -> yaml.Node:
    """Return the document's root. ConfigError if it cannot be read."""
    try:
        node = _Composer(text).get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError([Mistake(file, line, "file", f"not valid YAML: {error.reason}")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([Mistake(file, line, "file", f"not valid YAML: {_problem(error)}")]) from None
    if node is None:
        raise ConfigError([Mistake(file, 1, "file", "the file is empty; expected a mapping")])
    return node


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if problem.startswith("found undefined alias"):
        return "found an alias (*name) that no anchor (&name) gives; a text that begins with * needs quotes"
    if problem.startswith("found duplicate anchor") or problem == "second occurrence":  # Python's words, and libyaml's
        return "found an anchor (&name) that stands there already; a text that begins with & needs quotes"
    if "',' or" in problem:
        return f"{problem}; between {{ }} or [ ], a text with one of {{}}[], in it needs quotes"
    return f"{error.context} {problem}" if problem.startswith("but ") else problem


class _Composer(Composer, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # chosen at run time
    """YAML nodes with their lines. libyaml only splits the text: its composer overflows the stack on deep nesting."""

    def __init__(self, text: str) -> None:
        super(Composer, self).__init__(text)
        Composer.__init__(self)
        self.depth = 0

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return PLAIN if implicit[0] else QUOTED
        return str(super().resolve(kind, value, implicit))

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH}", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node
