"""What a source computes decides its digest: what changes no number changes nothing, whatever does changes it."""

import itertools

import pytest

from bench.system.source import file_digest, normalised_source, source_digest

PLAIN = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    "other",
    [
        '"""A text."""\n' + PLAIN,
        PLAIN.replace("x):", "x: int) -> int:"),
        PLAIN.replace("    return", "    # why\n\n    return"),
        PLAIN.replace("\n", "\r\n"),
        "import os\nfrom a.b import c\n" + PLAIN,
        '__all__ = ["f"]\n' + PLAIN,
        "def f(x): return x + 1",
        PLAIN.replace("x + 1", "(x + 1)"),
        PLAIN.replace("):\n", '):\n    """Adds."""\n'),
        PLAIN.replace("):\n", "):\n    import math\n"),
    ],
)
def test_what_changes_no_number(other):
    assert normalised_source(other) == normalised_source(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("1", "2"),
        PLAIN.replace("1", "1.0"),
        PLAIN.replace("+", "-"),
        PLAIN.replace("(x)", "(x, y=0)"),
        PLAIN.replace("f(", "g("),
        "@cache\n" + PLAIN,
        "from a import b as c\n" + PLAIN,
        "import a.b as c\n" + PLAIN,
        PLAIN + "f(1)\n",
        PLAIN.replace("return x + 1", "x + 1"),
        PLAIN.replace("):\n", "):\n    __name__ = 1\n"),
    ],
)
def test_what_may_change_one(other):
    assert normalised_source(other) != normalised_source(PLAIN)


def test_texts_that_are_used_count():
    assert normalised_source('x = "a"') != normalised_source('x = "b"')
    assert normalised_source('f("a")') != normalised_source('f("b")')


def test_a_new_name_for_an_import_counts_and_its_place_does_not():
    renamed = "from {} import name as other\nother()\n"
    assert normalised_source(renamed.format("a.b")) == normalised_source(renamed.format("c"))
    assert normalised_source("from a import name as name\nx()") == normalised_source("from a import name\nx()")


@pytest.mark.parametrize("nothing", ["", "# only a comment\n", '"""A text."""', "import os\n", '__all__ = ["a"]\n'])
def test_what_computes_nothing_is_empty(nothing, tmp_path):
    (tmp_path / "empty.py").write_text(nothing)
    (tmp_path / "full.py").write_text(PLAIN)
    assert normalised_source(nothing) == "" and file_digest(tmp_path / "empty.py") == ""
    both = source_digest([tmp_path / "empty.py", tmp_path / "full.py"])
    assert both == source_digest([tmp_path / "full.py"]) != source_digest([])


def test_order_names_and_repetitions_of_files_say_nothing_and_their_number_does(tmp_path):
    sources = [PLAIN, PLAIN.replace("1", "2"), PLAIN.replace("1", "3")]
    files = [tmp_path / f"{number}.py" for number in range(3)]
    for file, text in zip(files, sources):
        file.write_text(text)
    digests = {source_digest(order) for order in itertools.permutations(files)} | {source_digest(files + files)}
    assert len(digests) == 1
    (tmp_path / "another.py").write_text(PLAIN)
    assert source_digest([tmp_path / "another.py", *files[1:]]) in digests
    assert source_digest([tmp_path / "another.py", *files]) not in digests and source_digest(files[1:]) not in digests


def test_a_file_that_was_rewritten_stands_for_the_former_one(tmp_path):
    for name, text in (("old", PLAIN), ("new", PLAIN.replace("x", "y")), ("other", "z = 1")):
        (tmp_path / f"{name}.py").write_text(text)
    old, new, other = (tmp_path / f"{name}.py" for name in ("old", "new", "other"))
    former = {file_digest(new): file_digest(old)}
    assert source_digest([new, other], former) == source_digest([old, other]) != source_digest([new, other])


def test_a_compiled_module_counts_byte_by_byte_and_what_is_no_python_is_an_error(tmp_path):
    compiled, broken = tmp_path / "a.so", tmp_path / "a.py"
    compiled.write_bytes(b"# 1")
    first = file_digest(compiled)
    compiled.write_bytes(b"# 2")
    assert file_digest(compiled) != first != ""
    broken.write_text("def f(:")
    with pytest.raises(SyntaxError):
        source_digest([broken])
