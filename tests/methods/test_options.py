"""Choices written behind a method's name."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.dense import Dense
from baselines.early_exit import EarlyExit
from bench.choices import parse_method, split_list
from bench.errors import BadInput
from bench.methods.options import identifying_choices, later_choice, spelled, with_choices
from bench.records import find_records, read_record
from bench.zoo.loading import load_pretrained
from lcnet.method import LCNet


def _lcnet(text):
    return with_choices(LCNet(), parse_method(text)[1])


def test_choices_are_fields_of_the_method():
    method = _lcnet("lcnet[price=0, learns=all,descent=0.5,channels=false]")
    assert method == LCNet(price=0.0, learns="all", descent=0.5, channels=False)
    assert _lcnet("lcnet[descent=none]") == _lcnet("lcnet") == LCNet()


def test_several_numbers_are_one_choice():
    method = with_choices(EarlyExit(), parse_method("early_exit[shares=0.25+0.5,rule=entropy]")[1])
    assert method == EarlyExit(shares=(0.25, 0.5), rule="entropy")
    assert spelled("early_exit", method, EarlyExit()) == "early_exit[shares=0.25+0.5,rule=entropy]"


def test_one_method_is_spelled_in_one_way():
    for text in ("lcnet[price=0.0,learns=all]", "lcnet[ learns = all , price=0, sharpness=4]"):
        assert spelled("lcnet", _lcnet(text), LCNet()) == "lcnet[learns=all,price=0]"
    assert spelled("lcnet", _lcnet("lcnet[price=2]"), LCNet()) == "lcnet"


@given(
    price=st.floats(0, 100).map(lambda value: float(f"{value:g}")),
    layers=st.booleans(),
    learns=st.sampled_from(["differences", "all", "nothing"]),
    descent=st.none() | st.just(0.25),
)
def test_what_is_spelled_is_read_again(price, layers, learns, descent):
    method = LCNet(price=price, layers=layers, learns=learns, descent=descent)
    assert _lcnet(spelled("lcnet", method, LCNet())) == method


def test_a_later_choice_leaves_ids_as_they_were_at_its_default_alone():
    @dataclass(frozen=True)
    class Older(Dense):
        price: float = 2.0

    @dataclass(frozen=True)
    class Newer(Older):
        labels: float = later_choice(0.0)

    assert identifying_choices(Newer()) == identifying_choices(Older()) == {"price": 2.0}
    assert identifying_choices(Newer(labels=1.0)) == {"price": 2.0, "labels": 1.0}
    assert spelled("newer", with_choices(Newer(), {"labels": "1"}), Newer()) == "newer[labels=1]"


def test_commas_in_brackets_part_no_methods():
    assert split_list("dense, lcnet[price=0,start=0.5],skipnet") == ("dense", "lcnet[price=0,start=0.5]", "skipnet")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lcnet[cost=1]", "LCNet has no choice 'cost': choose from layers, channels, learns"),
        ("lcnet[price=low]", "price must be a number, not 'low'"),
        ("lcnet[price=nan]", "price must be a number, not 'nan'"),
        ("lcnet[layers=2]", "layers must be true or false, not '2'"),
        ("lcnet[learns=none]", "learns must be differences or all or nothing, not 'none'"),
        ("lcnet[price]", "choices of a method are written choice=value"),
        ("lcnet[price=1,price=2]", "chooses price twice"),
        ("lcnet[price=1+2]", "price must be a number, not '1[+]2'"),
        ("lcnet[price=1", "a method is written name or name"),
    ],
)
def test_choices_that_are_none(text, says):
    with pytest.raises(BadInput, match=says):
        _lcnet(text)


def test_a_method_without_fields_has_no_choices():
    with pytest.raises(BadInput, match="Dense has no choice 'price': it has none"):
        with_choices(Dense(), {"price": "1"})


def test_choices_go_through_a_run(bench_here, tmp_path):
    """As typed on the command line, in the record, its job's id and its network."""
    out = tmp_path / "runs"
    methods = "lcnet[price=0,sharpness=4],lcnet[learns=nothing]"
    options = ("--backbone", "resnet8-w0.25", "--epochs", 1, "--no-timing", "--out", out)
    assert bench_here("run", "--methods", methods, *options)[0] == 0
    records = {record.method: folder for folder, record in find_records([out]).items()}
    assert set(records) == {"dense", "lcnet[price=0]", "lcnet[learns=nothing]"}
    folder = records["lcnet[price=0]"]
    assert folder.name.startswith("lcnet-price=0-digits-resnet8-w0.25-p0.5-s0-")
    assert load_pretrained(folder, read_record(folder), 10).router.choices == LCNet(price=0.0)
