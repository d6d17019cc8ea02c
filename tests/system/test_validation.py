"""Values from files: of the declared kinds and finite, or named; options in the one form that ids know."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BadInput
from bench.system.options import check_options, option, options_of
from bench.system.validation import is_of, of_declared_kinds, shown

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80)
JSON = PLAIN | st.lists(PLAIN, max_size=6) | st.dictionaries(st.text(max_size=3), st.lists(PLAIN), max_size=2)


@settings(max_examples=25, deadline=None)
@given(JSON)
def test_a_value_is_of_one_plain_kind_at_most(value):
    kinds = [kind for kind in (int, str, bool, list[Any], dict[str, Any], type(None)) if is_of(value, kind)]
    assert len(kinds) <= 1 and is_of(value, Any)
    assert is_of(value, int | str | None) == any(is_of(value, kind) for kind in (int, str, type(None)))


@settings(max_examples=25, deadline=None)
@given(JSON)
def test_any_value_is_shown_in_a_few_words(value):
    assert len(shown(value)) < 4 * 65 + 10 and isinstance(shown(value), str)


def test_a_list_that_holds_itself_is_shown():
    endless: list = [1]
    endless.append(endless)
    assert shown(endless) == "[1, a list]" and shown(list(range(9))) == "[0, 1, 2, 3, ...]"
    assert shown({"a": 1}) == "a dict" and shown(10**400) == "a int"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1, float, True),
        (1.0, int, False),
        (True, int, False),
        (True, float, False),
        (float("nan"), float, False),
        (float("-inf"), float, False),
        (2**63, int, False),
        (2**63 - 1, int, True),
        ([1, 2.5], list[float], True),
        ([1, "2"], list[float], False),
        ((1, [2]), tuple[int, ...], False),
        ([], tuple[int, ...], True),
        ({"a": [1]}, dict[str, list[int]], True),
        ({"a": [None]}, dict[str, list[int]], False),
        ("ab", list[str], False),
        (None, float | None, True),
    ],
)
def test_kinds(value, kind, expected):
    assert is_of(value, kind) is expected


@dataclass(frozen=True)
class Choices:
    count: int = option(3, "How many.", at_least=1, at_most=9)
    rate: float = option(0.5, "How fast.", at_least=0)
    kind: str = option("a", "Which.", choices=("a", "b"))
    points: tuple[float, ...] = option((0.5, 1.0), "Where.")
    limit: int | None = None
    later: int = option(None, "Depends on others.")
    name: str = "no option"


def test_only_fields_that_say_so_are_options_and_each_tells_its_default():
    found = options_of(Choices)
    assert list(found) == ["count", "rate", "kind", "points", "later"]
    assert [one.text for one in found.values()] == [
        "How many. Default: 3.", "How fast. Default: 0.5.", "Which. Default: a.", "Where. Default: 0.5,1.",
        "Depends on others.",
    ]  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.floats(0, 1e9), st.lists(st.integers(-5, 5), min_size=1))
def test_checking_twice_is_checking_once_and_every_spelling_becomes_the_same(count, rate, points):
    once = check_options(Choices(count=count, rate=rate, points=points))
    assert check_options(once) == once and isinstance(once.points, tuple)
    assert all(isinstance(point, float) for point in once.points)
    assert once == check_options(Choices(count=count, rate=rate, points=tuple(map(float, points))))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"count": 0}, "count must be a whole number from 1 to 9, not 0"),
        ({"count": 10}, "not 10"),
        ({"count": 3.0}, "not 3.0"),
        ({"count": True}, "not True"),
        ({"count": None}, "not None"),
        ({"rate": -1e-9}, "rate must be a number from 0, not -1e-09"),
        ({"rate": float("nan")}, "not nan"),
        ({"kind": "c"}, "kind must be one of a, b, not 'c'"),
        ({"points": ()}, "points must be a list of numbers"),
        ({"points": "0.5"}, "points must be a list of numbers"),
        ({"points": (0.5, "1")}, "points must be numbers, not '1'"),
        ({"later": "soon"}, "later must be a whole number, not 'soon'"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_option(changes, says):
    with pytest.raises(BadInput) as raised:
        check_options(replace(Choices(), **changes))
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_what_is_not_said_yet_stays_so_and_other_fields_are_not_looked_at():
    assert check_options(Choices()).later is None
    assert check_options(Choices(later=4, name=7)).name == 7


def test_the_first_field_of_another_kind_is_named():
    known = Choices(limit=4, later=1)
    assert of_declared_kinds(known) is known
    for changes, says in (({"limit": 1.5}, "limit is 1.5"), ({"points": [None]}, r"points is \[None\]")):
        with pytest.raises(TypeError, match=says):
            of_declared_kinds(replace(Choices(later=1), **changes))
