"""One small fault at a time in a piece of source: what a test suite that looks must notice.

Not made: faults in messages, log entries and asserts, which change nothing that the platform does, and in the figures at
the head of a module, which are choices: a patience of 31 seconds is no fault.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
}  # fmt: skip
_SWAPPED_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TAKES_FIELDS = {"filter", "exclude", "update", "create"}
_Part = ast.expr | ast.stmt | ast.keyword


@dataclass(frozen=True, slots=True)
class Mutant:
    """A place in a file and what is put there; `lines` are those of its statement, `name` shows the fault in it.

    The name has no line in it: it stays the same while code around it moves.
    """

    path: str
    name: str
    lines: tuple[int, int]
    span: tuple[int, int]
    after: str

    def in_source(self, source: str) -> str:
        """Return the source with the fault in it."""
        data = source.encode()
        return (data[: self.span[0]] + self.after.encode() + data[self.span[1] :]).decode()


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of its lines."""
    return sorted(_Maker(path, source).all(), key=lambda mutant: (mutant.span, mutant.after))


class _Maker:
    def __init__(self, path: str, source: str) -> None:
        self._path, self._data = path, source.encode()
        self._starts = [0, *accumulate(len(line) for line in self._data.splitlines(keepends=True))]
        self._tree = ast.parse(source)

    def all(self) -> Iterator[Mutant]:
        yield from self._within(self._tree, "module", (1, 1))

    def _within(self, node: ast.AST, where: str, lines: tuple[int, int]) -> Iterator[Mutant]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            where = node.name if where == "module" else f"{where}.{node.name}"
        if isinstance(node, ast.stmt):
            lines = _lines_of(node)
        if where == "module" and _is_figure(node):
            return
        for part, after in faults_of(node):
            yield self._mutant(part, where, lines, after)
        for inner in _looked_into(node):
            yield from self._within(inner, where, lines)

    def _mutant(self, part: _Part, where: str, lines: tuple[int, int], after: str) -> Mutant:
        start, end = self._at(part.lineno, part.col_offset), self._at(part.end_lineno, part.end_col_offset)
        first, last = self._starts[lines[0] - 1], self._starts[lines[1]]
        marked = f"«{self._text(start, end)} -> {after}»"
        shown = " ".join(f"{self._text(first, start)}{marked}{self._text(end, last)}".split())
        return Mutant(self._path, f"{self._path} {where}: {shown}", lines, (start, end), after)

    def _at(self, line: int | None, column: int | None) -> int:
        assert line is not None
        assert column is not None
        return self._starts[line - 1] + column

    def _text(self, start: int, end: int) -> str:
        return self._data[start:end].decode()


def _is_figure(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.BinOp) and _is_figure(node.left) and _is_figure(node.right)
    )


def _lines_of(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement, of one that holds others those of its head."""
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if body else node.end_lineno
    return node.lineno, max(node.lineno, last or node.lineno)


def _looked_into(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that do something: no annotation, no message, no assert, nothing said to the log."""
    if isinstance(node, ast.JoinedStr | ast.Assert) or _is_said_to_the_log(node):
        return
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST))


def _is_said_to_the_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("logger.")


def faults_of(node: ast.AST) -> Iterator[tuple[_Part, str]]:
    """Yield parts of a node, each with what may be put in its place."""
    if isinstance(node, ast.stmt):
        yield from ((node, after) for after in _faults_of_statement(node))
    elif isinstance(node, ast.expr):
        yield from ((node, f"({ast.unparse(after)})") for after in _faults_of_expression(node))
    if isinstance(node, ast.BoolOp):
        operands = [value for value in node.values if not isinstance(value, ast.Constant)]
        yield from ((operand, str(isinstance(node.op, ast.And))) for operand in operands)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _TAKES_FIELDS:
        yield from ((field, "**{}") for field in node.keywords if field.arg)
    yield from ((condition, f"(not {ast.unparse(condition)})") for condition in _plain_conditions_of(node))


def _plain_conditions_of(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the conditions of a node that are no comparison, which has faults of its own."""
    conditions = [getattr(node, "test", None), *getattr(node, "ifs", [])]
    kinds = ast.Name | ast.Attribute | ast.Call | ast.NamedExpr
    yield from (found for found in conditions if isinstance(found, kinds) and ast.unparse(found) != "TYPE_CHECKING")


def _faults_of_statement(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Return) and not _is_nothing(node.value):
        yield "return None"
    if isinstance(node, ast.Raise | ast.AugAssign | ast.Delete) or _is_deed(node):
        yield "pass"


def _is_nothing(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and not value.value)


def _is_deed(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _is_said_to_the_log(node)


def _faults_of_expression(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=[kind]) if type(kind) in SWAPPED:
            yield ast.Compare(node.left, [SWAPPED[type(kind)]()], node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(SWAPPED[type(node.op)](), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in SWAPPED:
            yield ast.BinOp(node.left, SWAPPED[type(node.op)](), node.right)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Call(func=ast.Name(id=name)) if name in _SWAPPED_NAMES:
            yield ast.Call(ast.Name(_SWAPPED_NAMES[name]), node.args, node.keywords)
