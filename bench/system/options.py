"""Options that are fields of dataclasses, each described once: default, help and bounds."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from bench.errors import BadInput
from bench.system.validation import is_of, shown

Holder = TypeVar("Holder", bound=Any)


@dataclass(frozen=True)
class Option:
    """What a field says of itself.

    Attributes:
        kind: of its values: ``int``, ``float``, ``str`` or a tuple of one of these. None may stand for a value that is
            not said yet.
        default: None where it depends on others, which ``help`` then says.
        choices: the only values, where there are few.
        off: the value that does nothing, of jobs that do not train. An id leaves it out: so a new option leaves the
            ids of older jobs alone, and two values never share an id, whatever becomes of the default.
    """

    name: str
    kind: Any
    default: Any
    help: str
    at_least: float | None
    at_most: float | None
    choices: tuple[str, ...]
    off: Any

    @property
    def is_list(self) -> bool:
        return get_origin(self.kind) is tuple

    @property
    def default_text(self) -> str:
        """The default as one writes it; empty where there is none."""
        if self.default is None or self.default is MISSING:
            return ""
        values = self.default if self.is_list else (self.default,)
        return ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)

    @property
    def text(self) -> str:
        """Help with the default."""
        return f"{self.help} Default: {self.default_text}." if self.default_text else self.help

    @property
    def expected(self) -> str:
        """What its values are, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.is_list:
            return f"a list of {self._several}"
        words = {int: "a whole number", float: "a number", str: "a text"}[self.kind]
        low = "" if self.at_least is None else f" from {self.at_least:g}"
        return words + low + ("" if self.at_most is None else f" to {self.at_most:.0f}")

    def check(self, value: Any) -> Any:
        """``value`` in the one form that ids know: floats as such, lists as tuples.

        Raises:
            BadInput: of another kind, or out of bounds.
        """
        if self.is_list:
            return self._check_list(value)
        is_right = is_of(value, self.kind) and (not self.choices or value in self.choices)
        is_right = is_right and (self.at_least is None or value >= self.at_least)
        if not is_right or not (self.at_most is None or value <= self.at_most):
            raise BadInput(f"{self.name} must be {self.expected}, not {shown(value)}")
        return self.kind(value)

    def _check_list(self, values: Any) -> tuple:
        kind = get_args(self.kind)[0]
        if not isinstance(values, (list, tuple)) or not values:
            raise BadInput(f"{self.name} must be {self.expected}, not {shown(values)}")
        if wrong := [value for value in values if not is_of(value, kind)]:
            raise BadInput(f"{self.name} must be {self._several}, not {shown(wrong[0])}")
        return tuple(map(kind, values))

    @property
    def _several(self) -> str:
        return {int: "whole numbers", float: "numbers", str: "names"}[get_args(self.kind)[0]]


def option(
    default: Any,
    help: str,
    at_least: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] = (),
    off: Any = MISSING,
) -> Any:
    """A field that is an option, see :class:`Option`; ``off`` is the default where nothing else is said."""
    about = {"help": help, "at_least": at_least, "at_most": at_most, "choices": choices}
    about["off"] = default if off is MISSING else off
    return field(default=default, metadata={"option": about})


def options_of(kind: type) -> dict[str, Option]:
    """The options among the fields of a dataclass, by name: those first that may be given by position."""
    hints = get_type_hints(kind)
    found = sorted(fields(kind), key=lambda declared: bool(declared.kw_only))
    return {one.name: _described(one, hints[one.name]) for one in found if "option" in one.metadata}


def _described(declared: Field, kind: Any) -> Option:
    return Option(declared.name, kind, declared.default, **declared.metadata["option"])


def check_options(holder: Holder) -> Holder:
    """A dataclass with every option checked and in its one form; None stays where it is the default.

    Raises:
        BadInput: naming the first option whose value cannot be, and the value.
    """
    found = {name: (described, getattr(holder, name)) for name, described in options_of(type(holder)).items()}
    said = {name: one.check(value) for name, (one, value) in found.items() if (value, one.default) != (None, None)}
    return replace(holder, **said)
