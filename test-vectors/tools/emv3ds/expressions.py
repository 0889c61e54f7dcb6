"""The small expression language of `required_if` and `absent_if`."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

Lookup = Callable[[str], Any]
Evaluator = Callable[[Lookup], Any]

_TOKEN = re.compile(r"\s*(?:(==|!=|[()\[\],])|'([^']*)'|([A-Za-z_][A-Za-z0-9_.]*))")


class ExpressionError(ValueError):
    """The text is no expression of the language."""


def is_missing(value: Any) -> bool:
    """Absent, null and empty count the same [P-GEN-03]."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise ExpressionError(f"cannot read {text!r} at {position}")
        mark, literal, name = match.groups()
        if mark:
            found.append(("mark", mark))
        elif literal is not None:
            found.append(("literal", literal))
        else:
            found.append(("name", name))
        position = match.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._rest = _tokens(text)

    def parse(self) -> Evaluator:
        result = self._either()
        if self._rest:
            raise ExpressionError(f"more than one expression in {self._text!r}")
        return result

    def _take(self, kind: str, value: str) -> bool:
        if self._rest and self._rest[0] == (kind, value):
            self._rest.pop(0)
            return True
        return False

    def _need(self, value: str) -> None:
        if not self._take("mark", value):
            raise ExpressionError(f"{value!r} missing in {self._text!r}")

    def _either(self) -> Evaluator:
        parts = [self._both()]
        while self._take("name", "or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda look: any(part(look) for part in parts)

    def _both(self) -> Evaluator:
        parts = [self._negated()]
        while self._take("name", "and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else lambda look: all(part(look) for part in parts)

    def _negated(self) -> Evaluator:
        if self._take("name", "not"):
            inner = self._negated()
            return lambda look: not inner(look)
        if self._take("mark", "("):
            grouped = self._either()
            self._need(")")
            return grouped
        if self._take("name", "present"):
            return self._present()
        return self._comparison()

    def _present(self) -> Evaluator:
        self._need("(")
        name = self._word()
        self._need(")")
        return lambda look: not is_missing(look(name))

    def _word(self) -> str:
        if not self._rest or self._rest[0][0] != "name":
            raise ExpressionError(f"a name is missing in {self._text!r}")
        return self._rest.pop(0)[1]

    def _comparison(self) -> Evaluator:
        name = self._word()
        if self._take("mark", "=="):
            wanted = self._value()
            return lambda look: _same(look(name), wanted)
        if self._take("mark", "!="):
            wanted = self._value()
            return lambda look: not _same(look(name), wanted)
        turned = self._take("name", "not")
        if not self._take("name", "in"):
            raise ExpressionError(f"no comparison after {name} in {self._text!r}")
        self._need("[")
        values = [self._value()]
        while self._take("mark", ","):
            values.append(self._value())
        self._need("]")
        return lambda look: turned != any(_same(look(name), value) for value in values)

    def _value(self) -> Any:
        if not self._rest:
            raise ExpressionError(f"a value is missing in {self._text!r}")
        kind, text = self._rest.pop(0)
        if kind == "literal":
            return text
        if text in ("true", "false"):
            return text == "true"
        raise ExpressionError(f"{text!r} is no value in {self._text!r}")


def _same(value: Any, wanted: Any) -> bool:
    return value is not None and type(value) is type(wanted) and value == wanted


@cache
def compiled(text: str) -> Evaluator:
    """The expression as a function of a lookup of names; raises ExpressionError."""
    return _Parser(text).parse()


def holds(text: str, lookup: Lookup) -> bool:
    """Whether the expression is true; a missing name equals nothing."""
    return bool(compiled(text)(lookup))
