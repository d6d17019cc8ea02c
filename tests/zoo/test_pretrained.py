"""Shipped networks: what is measured again is what was shipped, and a check that turns red whatever was touched."""

from dataclasses import replace

import pytest
from program import exit_code

from bench.errors import BadInput
from bench.networks import cost
from bench.records import MODEL_FILE, SAMPLES_FILE, find_records, read_samples, write_record
from bench.zoo import loading as pretrained
from bench.zoo.checking import compare_network
from bench.zoo.loading import find_pretrained, load_pretrained, part_of

METHODS = "lcnet,slimming,slim,skipnet"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trained for one epoch: gates, pruned and narrowed widths, a recurrent router."""
    out = tmp_path_factory.mktemp("trained")
    quick = ("--backbone", "resnet8", "--epochs", 1, "--points", 0.7, "--no-timing")
    assert exit_code("run", "--methods", METHODS, *quick, "--out", out / "runs") == 0
    return out / "runs"


@pytest.fixture
def shipped(trained, tmp_path):
    assert exit_code("publish", trained, "--to", tmp_path / "results") == 0
    return tmp_path / "results"


def _one(shipped, method="lcnet"):
    return next((folder, record) for folder, record in find_pretrained(shipped).items() if record.method == method)


def test_rounding_to_half_precision_costs_next_to_nothing(trained, shipped):
    before = {folder.name: record for folder, record in find_records([trained]).items()}
    for folder, record in find_pretrained(shipped).items():
        original = before[folder.name]
        assert record.details["shipped"]["before_rounding"]["top1"] == original.top1
        # 11 bits of every weight are kept: of 500 images, a few lie near enough to a border to change sides.
        assert abs(record.top1 - original.top1) <= 1.0
        assert record.macs_fraction == pytest.approx(original.macs_fraction, abs=5e-3)
        assert (folder / MODEL_FILE).stat().st_size < 0.8 * (trained / folder.name / MODEL_FILE).stat().st_size


def test_every_shipped_network_measures_as_recorded(shipped, digits):
    found = find_pretrained(shipped)
    assert len(found) == 1 + len(METHODS.split(","))
    for folder, record in found.items():
        assert compare_network(folder, record, digits, "full") == []


def test_the_table_beside_the_folder_is_that_of_its_records(shipped):
    assert exit_code("check", "--against", f"{shipped}.csv", shipped) == 0


def test_a_changed_byte_of_a_checkpoint_is_seen(shipped, digits):
    folder, record = _one(shipped)
    content = bytearray((folder / MODEL_FILE).read_bytes())
    content[-1] ^= 1
    (folder / MODEL_FILE).write_bytes(content)
    (said,) = compare_network(folder, record, digits, "fast")
    assert "not the file" in said
    assert exit_code("check", "--pretrained", shipped) == 1


@pytest.mark.parametrize(("field", "change"), [("top1", 0.1), ("macs_mean", 1.0), ("n_test", 1)])
def test_a_changed_number_of_a_record_is_seen(shipped, digits, field, change):
    folder, record = _one(shipped)
    write_record(folder, replace(record, **{field: getattr(record, field) + change}))
    folder, record = _one(shipped)
    assert any(field in said for said in compare_network(folder, record, digits, "fast"))


@pytest.mark.parametrize("column", ["prediction", "macs", "label"])
def test_changed_images_are_seen(shipped, digits, column):
    folder, record = _one(shipped, "dense")
    samples = read_samples(folder)
    samples.loc[:2, column] += 1
    samples.to_parquet(folder / SAMPLES_FILE)
    assert any(column in said for said in compare_network(folder, record, digits, "fast"))


def test_outcomes_of_fewer_images_are_seen(shipped, digits):
    folder, record = _one(shipped)
    read_samples(folder).head(64).to_parquet(folder / SAMPLES_FILE)
    write_record(folder, record)
    (said,) = compare_network(*_one(shipped), digits, "fast")
    assert f"64 images, where {len(digits.test)} are tested" in said


@pytest.mark.parametrize("method", ["dense", "lcnet"])
def test_a_changed_cost_function_is_seen(shipped, digits, method, monkeypatch):
    count = cost.count_backbone

    def off_by_one(backbone):
        counted = count(backbone)
        return replace(counted, stem=counted.stem + 1)

    monkeypatch.setattr("bench.networks.network.count_backbone", off_by_one)
    assert any("macs of" in said for said in compare_network(*_one(shipped, method), digits, "fast"))


def test_other_images_are_refused(shipped, digits):
    folder, record = _one(shipped)
    other = replace(digits, test=digits.test.first(100))
    with pytest.raises(BadInput, match="other images"):
        compare_network(folder, record, other, "fast")


def test_nothing_to_check_is_no_success(shipped, trained, tmp_path):
    (tmp_path / "empty").mkdir()
    assert exit_code("check", "--pretrained", tmp_path / "empty") == 2
    assert exit_code("check", "--pretrained", trained) == 2  # networks that nobody shipped
    assert exit_code("check", "--pretrained", shipped, "--part", "6/7") == 1
    assert exit_code("check", "--pretrained", shipped, "--part", "8/7") == 2
    assert exit_code("check") == 2


def test_parts_cover_everything_once(tmp_path):
    names = [tmp_path / str(number) for number in range(11)]
    assert sorted(name for part in range(4) for name in part_of(names, part, 4)) == sorted(names)


def test_weights_of_another_network_are_refused(shipped):
    folder, record = _one(shipped)
    with pytest.raises(BadInput, match="not those of skipnet"):
        pretrained.build(replace(record, method="skipnet"), pretrained.read_weights(folder / MODEL_FILE), classes=10)
    assert not load_pretrained(folder, record, classes=10).training


def test_shipped_networks_run_without_training(shipped, tmp_path, capsys):
    out = tmp_path / "measured"
    assert exit_code("run", "--pretrained", shipped, "--methods", "lcnet", "--no-timing", "--out", out) == 0
    ((_, record),) = find_records([out]).items()
    folder, original = _one(shipped)
    assert record.stage_epochs == original.stage_epochs
    assert "shipped network" in record.details["start"]
    # Another executor may run it: its rounding moves next to no image.
    assert record.top1 == pytest.approx(original.top1, abs=0.4)
    both = read_samples(folder).merge(read_samples(next(out.glob("lcnet-*"))), on="index")
    assert (both["macs_x"] == both["macs_y"]).mean() > 0.99
    assert len(both) == 500


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--epochs", 3], "leave out --epochs"),
        (["--methods", "fbs"], "none of the"),
        (["--methods", "lcnet", "--points", "0.2"], "none of the"),
    ],
)
def test_options_that_make_no_sense_with_shipped_networks(shipped, options, said, capsys):

    assert exit_code("run", "--pretrained", shipped, *options) == 2
    assert said in capsys.readouterr().err
