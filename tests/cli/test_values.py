"""Values on the command line: what they become, and what is refused with what was typed."""

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.choices import parse_method, split_list
from bench.cli.check import Part
from bench.cli.options import slurm_parameters
from bench.cli.values import CommaSeparated, Folder, Named
from bench.errors import BadInput

WORD = st.text("abcxyz0._-", min_size=1, max_size=6)
METHOD = st.builds(
    lambda name, choices: name + (f"[{','.join(f'{key}={value}' for key, value in choices.items())}]" * bool(choices)),
    WORD,
    st.dictionaries(WORD, WORD, max_size=3),
)


@settings(deadline=None)
@given(st.lists(METHOD, min_size=1, max_size=5))
def test_a_list_is_its_parts_however_many_commas_they_hold(parts):
    assert split_list(",".join(parts)) == split_list(" , ".join(parts)) == tuple(parts)


@settings(deadline=None)
@given(WORD, st.dictionaries(WORD, WORD, min_size=1, max_size=3))
def test_a_method_is_its_name_and_its_choices(name, choices):
    text = f"{name}[{', '.join(f'{key} = {value}' for key, value in choices.items())}]"
    assert parse_method(text) == (name, choices)


@pytest.mark.parametrize("text", ["", ",", "a,", ",a", "a,,b", " "])
def test_an_empty_part_is_refused(text):
    with pytest.raises(ValueError, match="empty part"):
        split_list(text)
    with pytest.raises(click.BadParameter, match="no comma-separated list of strs"):
        CommaSeparated(str).convert(text, None, None)


def test_lists_of_numbers():
    assert CommaSeparated(float).convert("0.5, 1e-1,1", None, None) == (0.5, 0.1, 1.0)
    assert CommaSeparated(int).convert((3, 4), None, None) == (3, 4)
    with pytest.raises(click.BadParameter, match="'1,x' is no comma-separated list of ints"):
        CommaSeparated(int).convert("1,x", None, None)


def completed(kind: click.ParamType, incomplete: str) -> list[str]:
    return [item.value for item in kind.shell_complete(None, None, incomplete)]


def test_completion_offers_what_was_not_named_yet():
    kind = CommaSeparated(str, lambda context: ["lcnet", "lnet", "dense"])
    assert completed(kind, "") == ["lcnet", "lnet", "dense"]
    assert completed(kind, "l") == ["lcnet", "lnet"]
    assert completed(kind, "lnet,l") == ["lnet,lcnet"]
    assert completed(kind, "lcnet[pri") == [] and completed(kind, "lcnet[price=0],d") == ["lcnet[price=0],dense"]


def test_completion_offers_files_only_where_one_may_stand():
    names = ["quick", "paper"]
    assert completed(Named(lambda context: names), "x") == []
    (item,) = Named(lambda context: names, or_file=True).shell_complete(None, None, "x")
    assert (item.value, item.type) == ("x", "file")
    assert completed(Named(lambda context: names, or_file=True), "p") == ["paper"]
    assert Folder().shell_complete(None, None, "a")[0].type == "dir"


@pytest.mark.parametrize(
    ("text", "says"),
    [("0/3", "no part 0 of 3"), ("4/3", "no part 4 of 3"), ("1", "form K/N"), ("1/2/3", "form K/N"), ("a/b", "K/N"),
     ("-1/3", "no part -1 of 3"), ("1/0", "no part 1 of 0")],
)  # fmt: skip
def test_a_part_that_is_none(text, says):
    with pytest.raises(click.BadParameter, match=says):
        Part().convert(text, None, None)


def test_parts_are_counted_from_one():
    assert [Part().convert(f"{part}/3", None, None) for part in (1, 2, 3)] == [(1, 3), (2, 3), (3, 3)]


def test_parameters_of_slurm():
    given_ = ("time=60", "slurm_partition=gpu", "comment=a=b", "account=007x", "nice=-1")
    assert slurm_parameters(given_) == {
        "time": 60, "partition": "gpu", "comment": "a=b", "account": "007x", "nice": "-1",
    }  # fmt: skip
    assert slurm_parameters(()) == {} and slurm_parameters(("x=",)) == {"x": ""}
    for text in ("time", "=3", ""):
        with pytest.raises(BadInput, match="KEY=VALUE"):
            slurm_parameters((text,))


def test_a_list_in_a_command_exits_with_2_and_names_the_option():
    @click.command()
    @click.option("--points", type=CommaSeparated(float))
    def command(points):
        click.echo(points)

    good, bad = (CliRunner().invoke(command, ["--points", text]) for text in ("0.5,1", "0.5,one"))
    assert (good.exit_code, good.output) == (0, "(0.5, 1.0)\n")
    assert bad.exit_code == 2 and "--points" in bad.output and "'0.5,one'" in bad.output
