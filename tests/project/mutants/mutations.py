"""The bugs: each is one small change to one expression or statement of a module."""

import ast
import copy
import difflib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

NAME_LIKE = re.compile(r"[\w$:./-]+", re.ASCII)
"""Strings that programs read; a text for people is not mutated."""
NEIGHBOURS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Mult(),
    ast.BitOr: ast.BitAnd(),
    ast.BitAnd: ast.BitOr(),
}
BUILT_IN = {"min": "max", "max": "min", "any": "all", "all": "any"}
TEXT_METHODS = {"casefold", "copy", "lower", "lstrip", "rstrip", "strip", "upper"}
NO_CODE = re.compile(r"#.*pragma: no cover")
DECLARATIONS = {"TypeVar", "NewType", "ParamSpec", "cast", "template"}
"""Calls whose arguments only types, or only people, read."""
DOCUMENTATION = {"description", "examples", "json_schema_extra"}
"""Arguments that describe a key or a parameter."""
COMMUTATIVE = {"min", "max", "gather", "suppress"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one bug. `scope`: the class and function it is in, with dots between."""

    file: str
    line: int
    scope: str
    operator: str
    original: str = field(repr=False)
    source: str = field(repr=False)

    @property
    def diff(self) -> list[str]:
        """The changed lines, each with its sign."""
        lines = difflib.unified_diff(self.original.splitlines(), self.source.splitlines(), lineterm="", n=0)
        return [line for line in list(lines)[2:] if not line.startswith("@@")]

    @property
    def before(self) -> str:
        """The changed lines as they were, as one."""
        return " ".join(line[1:].strip() for line in self.diff if line.startswith("-"))

    @property
    def after(self) -> str:
        """The changed lines as they are, as one."""
        return " ".join(line[1:].strip() for line in self.diff if line.startswith("+"))


def mutants(file: str, source: str) -> list[Mutant]:
    """Return every mutant of this module, in the order of its lines."""
    raw = source.encode()
    lines = raw.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    found: dict[str, Mutant] = {}
    tree = ast.parse(source)
    uncovered = _uncovered(tree, source.splitlines())
    for scope, (operator, node, text) in _Finder().changes(tree):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        changed = (raw[:begin] + text.encode() + raw[end:]).decode()
        if node.lineno not in uncovered:
            found.setdefault(changed, Mutant(file, node.lineno, scope, operator, source, changed))
    return sorted(found.values(), key=lambda mutant: (mutant.line, mutant.operator, mutant.source))


def _uncovered(tree: ast.Module, lines: list[str]) -> set[int]:
    """Return the numbers of the lines that coverage leaves out, too: the marked ones, and the blocks they begin."""
    found = {number for number, line in enumerate(lines, 1) if NO_CODE.search(line)}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt | ast.excepthandler) and node.lineno in found and body:
            found |= set(range(node.lineno, (body[-1].end_lineno or 0) + 1))
    return found


Located = ast.expr | ast.stmt
Replacement = tuple[str, Located, str]
"""The operator's name, the node to replace, and the text that takes its place."""


class _Finder:
    """A walk over a module that knows in which function it is."""

    def __init__(self) -> None:
        self._scope: list[str] = []

    def changes(self, tree: ast.Module) -> Iterator[tuple[str, Replacement]]:
        yield from self._all(tree.body)

    def _all(self, nodes: list[ast.stmt]) -> Iterator[tuple[str, Replacement]]:
        for node in nodes:
            yield from self._visit(node)

    def _visit(self, node: ast.AST) -> Iterator[tuple[str, Replacement]]:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name in {"__repr__", "__str__"}:
                return
            self._scope.append(node.name)
            if not isinstance(node, ast.ClassDef):
                for default in (*node.args.defaults, *node.args.kw_defaults):
                    if default is not None:
                        yield from self._visit(default)
            yield from self._all(node.body)
            self._scope.pop()
            return
        if _is_declaration(node) or (not self._scope and _is_tuning(node)):
            return
        if isinstance(node, ast.expr | ast.stmt):
            scope = ".".join(self._scope)
            for replacement in _replacements(node):
                yield scope, replacement
        for name, child in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list"}:
                continue
            for part in child if isinstance(child, list) else [child]:
                if isinstance(part, ast.AST):
                    yield from self._visit(part)


def _is_declaration(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring, or `...`
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
        return True
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
        return True
    if isinstance(node, ast.keyword):
        return node.arg in DOCUMENTATION
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "Literal"
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DECLARATIONS


def _is_tuning(node: ast.AST) -> bool:
    """Tell a module's seconds and the like, which are settings: a test of one would only repeat it."""
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Name) and node.targets[0].id.endswith("PAUSES")
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def _replacements(node: Located) -> Iterator[Replacement]:
    for change in (_comparison, _boolean, _constant, _arithmetic, _call, _condition, _statement, _handler):
        yield from change(node)


def _text(node: ast.AST) -> str:
    """Return code for this node: an expression in brackets where a neighbour might take part of it."""
    text = ast.unparse(node)
    return f"({text})" if isinstance(node, ast.BoolOp | ast.UnaryOp | ast.Compare | ast.BinOp | ast.IfExp) else text


def _comparison(node: Located) -> Iterator[Replacement]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in NEIGHBOURS[type(operator)]:
                changed = copy.deepcopy(node)
                changed.ops[index] = other()
                yield "comparison", node, _text(changed)


def _boolean(node: Located) -> Iterator[Replacement]:
    if isinstance(node, ast.BoolOp):
        swapped = copy.deepcopy(node)
        swapped.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and/or", node, _text(swapped)
        for index in range(len(node.values)):
            rest = [value for place, value in enumerate(node.values) if place != index]
            yield "operand", node, _text(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "not", node, _text(node.operand)


def _constant(node: Located) -> Iterator[Replacement]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    others: list[object] = []
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1] if value > 0 else [value + 1]
    elif isinstance(value, float):
        others = [value + 1]
    elif isinstance(value, str) and NAME_LIKE.fullmatch(value):
        others = [value + "x"]
    elif isinstance(value, bytes) and NAME_LIKE.fullmatch(value.decode("latin-1")):
        others = [value + b"x"]
    for other in others:
        yield "constant", node, repr(other)


def _arithmetic(node: Located) -> Iterator[Replacement]:
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        changed = copy.deepcopy(node)
        changed.op = ARITHMETIC[type(node.op)]
        yield "arithmetic", node, _text(changed)


def _call(node: Located) -> Iterator[Replacement]:
    if not isinstance(node, ast.Call):
        return
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in BUILT_IN:
        yield "built-in", node.func, BUILT_IN[name]
    if name == "suppress":
        yield "handler", node, "suppress()"
    if isinstance(node.func, ast.Attribute) and node.func.attr in TEXT_METHODS and not node.args:
        yield "call", node, _text(node.func.value)
    callee = node.func.attr if isinstance(node.func, ast.Attribute) else name
    if len(node.args) >= 2 and not (
        callee in COMMUTATIVE or any(isinstance(each, ast.Starred) for each in node.args[:2])
    ):
        changed = copy.deepcopy(node)
        changed.args[0], changed.args[1] = changed.args[1], changed.args[0]
        yield "arguments", node, _text(changed)
    for index, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in DOCUMENTATION:
            changed = copy.deepcopy(node)
            del changed.keywords[index]
            yield "keyword", node, _text(changed)


def _condition(node: Located) -> Iterator[Replacement]:
    """Negate what is asked, where no other change does."""
    if isinstance(node, ast.If | ast.While | ast.IfExp) and isinstance(
        node.test, ast.Name | ast.Attribute | ast.Call | ast.Await | ast.NamedExpr | ast.BoolOp
    ):
        yield "condition", node.test, f"(not ({ast.unparse(node.test)}))"


def _statement(node: Located) -> Iterator[Replacement]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield "statement", node, "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield "statement", node, "pass"
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and not value.value):
            yield "return", value, "None"
        case ast.Continue():
            yield "statement", node, "break"
        case ast.Break():
            yield "statement", node, "continue"


def _handler(node: Located) -> Iterator[Replacement]:
    """Let an exception through that is caught."""
    if isinstance(node, ast.Try):
        for handler in node.handlers:
            if not isinstance(handler.body[0], ast.Raise):
                yield "handler", handler.body[0], "raise"
