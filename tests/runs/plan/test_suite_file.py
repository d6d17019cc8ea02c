"""Suites from files: what stands there is what is run, or it is refused with its value, file and part."""

import pytest

from bench.errors import BadInput
from bench.runs.plan.planning import plan
from bench.runs.plan.suite import Suite, check_suite
from bench.runs.plan.suite_file import load_suite

REST = "epochs: 0\nbackbone: resnet8\n"


@pytest.fixture
def suite(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "suite.yaml").write_bytes(text.encode(encoding))
        return load_suite(str(tmp_path / "suite.yaml"))

    return write


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("methods: [dense, l1]\nmethods: [slim]\n", "'methods' is given twice, again in line 2"),
        ("methods: [dense]\nseeds: [010]\n", r"suite\.yaml: seeds must be whole numbers, not '010'"),
        ("methods: [dense]\nseeds: [1:30]\n", "seeds must be whole numbers, not '1:30'"),
        ("methods: [dense]\nseeds: [1_0]\n", "not '1_0'"),
        ("methods: [dense]\nseeds: [0x10]\n", "not '0x10'"),
        ("methods: [dense]\ntrials: 02\n", "trials must be a whole number from 1 to 3, not '02'"),
        ("methods: [dense]\npoints: [half]\n", "points must be numbers, not 'half'"),
        ("methods: [dense]\npoints: [.nan]\n", "points must be numbers, not nan"),
        ("methods: []\n", r"methods must be a list of names, not \[\]"),
        ("methods: [true]\n", "methods must be names, not True"),
        ("methods: [dense]\nmean: [0.5]\n", r"mean must be three numbers .* not \[0\.5\]"),
        ("methods: [dense]\nmean: [0.5, 0.5, 0.5]\n", "std must be three numbers .* not None"),
        ("methods: [dense]\nmean: [125, 123, 114]\nstd: [63, 62, 67]\n", "pixels from 0 to 1, not"),
    ],
)
def test_what_would_mean_something_else_is_refused_with_its_value(suite, text, says):
    with pytest.raises(BadInput, match=says):
        suite(text + REST)


def test_a_refusal_names_the_part(suite):
    with pytest.raises(BadInput, match=r"suite\.yaml, part 2: precision must be one of .*, not 'half'"):
        suite("- methods: [dense]\n  epochs: 0\n- methods: [dense]\n  precision: half\n")


def test_a_value_alone_is_a_list_of_one(suite):
    (one,) = suite("methods: slim\npoints: 0.5\nseeds: 3\n" + REST)
    assert (one.methods, one.points, one.seeds) == (("slim",), (0.5,), (3,))


@pytest.mark.parametrize("written", ["5e-1", ".5", "0.5", "+0.5", "50e-2"])
def test_numbers_are_those_of_json_and_more(suite, written):
    assert suite(f"methods: slim\npoints: [{written}]\n{REST}")[0].points == (0.5,)


def test_another_encoding_with_its_mark_is_read(suite):
    assert suite("\ufeffmethods: [dense]\n" + REST, "utf-16-le")[0].methods == ("dense",)


def test_keys_that_are_merged_may_be_overridden(suite):
    parts = suite("- &base\n  methods: [dense]\n  epochs: 0\n  backbone: resnet8\n- <<: *base\n  backbone: resnet14\n")
    assert [part.backbone for part in parts] == ["resnet8", "resnet14"]


def test_a_file_that_cannot_be_read_is_not_called_missing(tmp_path):
    with pytest.raises(BadInput, match="is no file of up to 1,000,000 bytes"):
        load_suite(str(tmp_path))
    with pytest.raises(BadInput, match="no suite 'nosuch'"):
        load_suite("nosuch")


SMALL = Suite(methods=("slim",), backbone="resnet8-w0.25", epochs=1)


def _ids(**changes) -> list[str]:
    return [job.id for job in plan(check_suite(Suite(**SMALL.__dict__ | changes)))]


@pytest.mark.parametrize(
    "changes",
    [
        {"points": (0.30000000000000004,)},
        {"points": (0.3, 0.30000000000000004)},
        {"backbone": "resnet8-w.250", "points": (0.3,)},
        {"seeds": (0, 0), "points": (0.3,)},
        {"mean": (0.305,) * 3, "std": (0.33,) * 3, "points": (0.3,)},
    ],
)
def test_one_job_has_one_id_however_it_is_written(changes):
    assert _ids(**changes) == _ids(points=(0.3,))


@pytest.mark.parametrize(
    "changes", [{"batch_size": 64}, {"distillation": 0.1}, {"label_smoothing": 0.1}, {"trials": 2}]
)
def test_options_of_training_are_in_the_id_where_something_trains(changes):
    assert not set(_ids(**changes)) & set(_ids()) or _ids(**changes)[1] != _ids()[1]
    assert _ids(epochs=0, **changes) == _ids(epochs=0)


def test_normalisation_and_the_version_of_a_method_are_in_the_id(monkeypatch):
    from dataclasses import replace

    from baselines.slim import Slim

    before = _ids()
    assert not set(before) & set(_ids(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)))
    monkeypatch.setattr(Slim, "info", replace(Slim.info, version=2))
    after = _ids()
    assert after[0] == before[0] and after[1] != before[1]


@pytest.mark.parametrize(
    ("changes", "says"), [({"batch_size": 1}, "batch_size"), ({"batch_size": 4, "micro_batch": 1}, "micro")]
)
def test_batches_of_one_image_are_refused_where_something_trains(changes, says):
    with pytest.raises(BadInput, match=f"{says}.* must be 2 or more"):
        check_suite(Suite(**SMALL.__dict__ | changes))
    check_suite(Suite(**SMALL.__dict__ | changes | {"epochs": 0}))
