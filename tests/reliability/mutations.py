"""Ways to spoil a file: bytes, JSON values, tables; all drawn from one ``random.Random``."""

from __future__ import annotations

import copy
import json
import random

from hypothesis import strategies as st

BYTES = (
    b"\x00",
    b"\xff",
    b"\n",
    b'"',
    b"{",
    b"]",
    b"-",
    b"9" * 40,
    b"NaN",
    b"1e999",
    b"\x80\x04c",
    b"../../",
    b"\xed\xa0\x80",
)
VALUES = (
    None, True, False, 0, -1, 2**63, 10**400, 1.5, -0.0, float("nan"), float("inf"), "", "x", "nan", "../../../escaped",
    "/escaped", "<script>alert(1)</script>", "a\nb", "\x1b[31m", "\ud800", "x" * 5000, [], [[]], {}, {"": None}, [None],
    ["dense"] * 50,
)  # fmt: skip


def mutated(content: bytes, draw: random.Random) -> bytes:
    """``content`` after one to four accidents or attacks."""
    for _ in range(draw.randint(1, 4)):
        content = draw.choice((_flip, _cut, _insert, _repeat, _overwrite))(content, draw)
    return content


def _flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content or b"\x00")
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    begin, end = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[:begin] + content[end:] if draw.random() < 0.5 else content[:end]


def _insert(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + draw.choice((*BYTES, draw.randbytes(8))) + content[place:]


def _repeat(content: bytes, draw: random.Random) -> bytes:
    begin, end = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[begin:end][:4096] * draw.randint(1, 20) + content[end:]


def _overwrite(content: bytes, draw: random.Random) -> bytes:
    """Most of a file's structure is in its first and last bytes."""
    region = min(len(content), 400)
    place = draw.choice((0, max(0, len(content) - region))) + draw.randrange(region + 1)
    new = draw.choice((draw.randbytes(4), b"\xff\xff\xff\x7f", b"\x00" * 8, b"\xff" * 8))
    return content[:place] + new + content[place + len(new) :]


def mutated_json(text: str, draw: random.Random) -> str:
    """The same with one to three values changed, dropped or added somewhere."""
    values = copy.deepcopy(json.loads(text))
    for _ in range(draw.randint(1, 3)):
        holder = values
        while isinstance(holder, (dict, list)) and holder:
            key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
            if isinstance(holder[key], (dict, list)) and draw.random() < 0.7:
                holder = holder[key]
                continue
            if draw.random() < 0.2:
                del holder[key]
            else:
                holder[key] = copy.deepcopy(draw.choice(VALUES))
            break
    return json.dumps(values)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
