"""Templates of jinja2 (extra `templates`) in a sandbox: no way out of it, and neither time nor text without bounds.

They know `if`, `for`, expressions, and some filters and methods. What they do not know is a mistake where it is read.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import htmlsafe_json_dumps

from esb.plugins.alert_webhook.template_errors import BadTemplate, TemplateFailed

LONGEST_TEMPLATE = 10_000
"""Characters of one template."""
LONGEST_RENDERING = 256 * 1024
"""Characters that one template may make."""
LONGEST_PIECE = 64 * 1024
"""Characters that a filter may make of shorter texts."""
MOST_STEPS = 10_000
"""Turns of all loops of one rendering."""
STATEMENTS: tuple[type[nodes.Node], ...] = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For)
EXPRESSIONS: tuple[type[nodes.Node], ...] = (
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand),
    *(nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div),
    *(nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Call, nodes.Keyword, nodes.List, nodes.Tuple, nodes.Dict),
    *(nodes.Pair, nodes.Slice),
)
FILTERS = frozenset(
    (
        *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby"),
        *("int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr"),
        *("replace", "reverse", "round", "select", "selectattr", "sort", "string", "striptags", "sum", "title"),
        *("tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount"),
    )
)
METHODS = frozenset(
    (
        *("capitalize", "count", "endswith", "find", "get", "isdigit", "items", "keys", "lower", "lstrip"),
        *("partition", "removeprefix", "removesuffix", "rpartition", "rstrip", "split", "splitlines", "startswith"),
        *("strip", "title", "upper", "values"),
    )
)
"""Methods of texts and mappings whose answer is no longer than what they are called on."""
JINJAS_OWN = frozenset({"self", "super", "caller", "varargs", "kwargs"})
"""Names that are always there, and lead into jinja2's inside."""
TURNS = "turns"
"""The filter that counts the turns of a loop; no template can name it."""
FAILURES = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


class TooMuch(TemplateError):
    """A template that takes too long, or makes too long a text."""


class Template:
    """One template. It may use these variables; `html`: what it shows of them is escaped."""

    def __init__(self, source: str, variables: Iterable[str], *, html: bool = False) -> None:
        """Raise BadTemplate for one that has a mistake."""
        self._missing: list[str] = []
        self._environment = _Sandbox(self._missing, html=html)
        try:
            tree = self._environment.parse(source)
            _check(tree, source, frozenset(variables))
            for loop in tree.find_all(nodes.For):
                loop.iter = nodes.Filter(loop.iter, TURNS, [], [], None, None, lineno=loop.lineno)
            self._template = self._environment.from_string(tree)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise BadTemplate(f"line {line}: {error.message}" if line else str(error.message)) from error
        except (RecursionError, SyntaxError) as error:  # the second of Python, which compiles what jinja2 writes
            raise BadTemplate("it is nested too deep") from error

    def rendered(self, values: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
        """Return the text for these values, and the names that were shown and are not there. TemplateFailed."""
        self._missing.clear()
        self._environment.turns = MOST_STEPS
        pieces, size = [], 0
        try:
            for piece in self._template.generate(values):
                pieces.append(piece)
                size += len(piece)
                if size > LONGEST_RENDERING:
                    raise TooMuch(f"it makes more than {LONGEST_RENDERING} characters")
        except FAILURES as error:
            raise TemplateFailed(f"{type(error).__name__}: {error}"[:200]) from error
        return str("".join(pieces)), list(dict.fromkeys(self._missing))


class _Sandbox(ImmutableSandboxedEnvironment):
    """An environment in which nothing is defined but the variables of a template, and nothing grows."""

    intercepted_binops = frozenset({"+", "*", "%"})

    def __init__(self, missing: list[str], *, html: bool) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, autoescape=html, undefined=_reporting(missing), optimized=False
        )
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.filters |= {
            TURNS: self._counted,
            "replace": self._replaced,
            "join": self._joined,
            "tojson": _in_json,
        }
        self.turns = 0

    def _counted(self, items: Iterable[Any]) -> list[Any]:
        """Return what a loop goes over, and count it."""
        found = []
        for item in items:
            self.turns -= 1
            if self.turns < 0:
                raise TooMuch(f"its loops take more than {MOST_STEPS} turns")
            found.append(item)
        return found

    def _replaced(self, value: Any, old: str, new: str) -> str:
        text, new = str(value), str(new)
        _bound(len(text) + (text.count(old) if old else len(text) + 1) * len(new))
        return text.replace(old, new)

    def _joined(self, items: Iterable[Any], between: str = "", attribute: str | None = None) -> str:
        texts = [str(item if attribute is None else self.getitem(item, attribute)) for item in items]
        _bound(sum(map(len, texts)) + len(texts) * len(between))
        return between.join(texts)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what a mapping holds before what a mapping can: a label may be named `items`."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_callable(self, obj: Any) -> bool:
        return type(obj) is type("".strip) and obj.__name__ in METHODS

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return left + right
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError(f"`{operator}` is for numbers")
        return super().call_binop(context, operator, left, right)


def _in_json(value: Any) -> str:
    """Return a value as JSON, in one line: the indent that jinja2's own filter takes can be of any width."""
    return htmlsafe_json_dumps(value)


def _bound(size: int) -> None:
    if size > LONGEST_PIECE:
        raise TooMuch(f"a filter makes more than {LONGEST_PIECE} characters")


def _reporting(missing: list[str]) -> type[ChainableUndefined]:
    """Return the class of what is not there: it shows nothing, and its name is noted."""

    class Missing(ChainableUndefined):
        def __str__(self) -> str:
            missing.append(str(self._undefined_name))
            return ""

    return Missing


def _check(tree: nodes.Template, source: str, variables: frozenset[str]) -> None:
    """Raise BadTemplate unless the template is made of what it may be made of."""
    if len(source) > LONGEST_TEMPLATE:
        raise BadTemplate(f"it has more than {LONGEST_TEMPLATE} characters")
    for node in (tree, *tree.find_all(nodes.Node)):
        if not isinstance(node, nodes.EvalContextModifier | nodes.Helper) and (fault := _fault(node)):
            raise BadTemplate(f"line {node.lineno}: {fault}")
    unknown = find_undeclared_variables(tree) - variables
    if unknown:
        raise BadTemplate(f"there is no variable {min(unknown)}; known are {', '.join(sorted(variables))}")


def _fault(node: nodes.Node) -> str:
    kind = type(node).__name__.lower()
    if not isinstance(node, STATEMENTS + EXPRESSIONS):
        return f"`{kind}` is not among what templates here know: if, for and expressions"
    if isinstance(node, nodes.For) and node.recursive:
        return "a loop cannot be recursive"
    if isinstance(node, nodes.Name) and node.name in JINJAS_OWN:
        return f"there is no variable {node.name}"
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        return f"there is no filter {node.name}; known are {', '.join(sorted(FILTERS))}"
    if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Getattr) and node.node.attr in METHODS):
        return f"nothing can be called but methods: {', '.join(sorted(METHODS))}"
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        return f"`{node.attr}` is out of reach"
    return ""
