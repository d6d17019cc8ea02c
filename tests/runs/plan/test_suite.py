"""Suites: one check for options from Python, from YAML and from the command line; ids that depend on values alone."""

import json
from dataclasses import asdict

import pytest

from bench.errors import BadInput
from bench.recipe import UNTRAINED
from bench.runs.plan.jobs import Job
from bench.runs.plan.planning import plan
from bench.runs.plan.suite import Suite, check_suite
from bench.runs.plan.suite_file import load_suite

SMALL = {"methods": ("lcnet",), "backbone": "resnet8"}


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("epochs", -1, "epochs must be a whole number from 0 to 1000000, not -1"),
        ("epochs", 1.5, "epochs must be a whole number from 0 to 1000000, not 1.5"),
        ("backbone_epochs", True, "backbone_epochs must be a whole number from 0 to 1000000, not True"),
        ("distillation", 2, "distillation must be a number from 0 to 1, not 2"),
        ("label_smoothing", None, "label_smoothing must be a number from 0 to 1, not None"),
        ("trials", 4, "trials must be a whole number from 1 to 3, not 4"),
        ("precision", "float16", "precision must be one of float32, bfloat16, not 'float16'"),
        ("batch_size", 0, "batch_size must be a whole number from 1, not 0"),
        ("dataset", "mnist", "dataset must be one of digits, cifar10, cifar100, imagenet, folder, timm, not 'mnist'"),
        ("budget", ["quick"], "budget must be one of quick, paper, not ['quick']"),
        ("methods", [], "methods must be a list of names, not []"),
        ("seeds", ["a"], "seeds must be whole numbers, not 'a'"),
        ("points", [1.5], "an operating point is a fraction of the dense MACs in (0, 1], not 1.5"),
        ("backbone_weights", 3, "backbone_weights must be a text, not 3"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_option_file_and_part(tmp_path, option, value, says):
    with pytest.raises(BadInput) as refused:
        check_suite(Suite(**SMALL | {option: value}))
    assert str(refused.value) == says
    file = tmp_path / "suite.yaml"
    file.write_text(json.dumps([{"methods": ["lcnet"]}, {"methods": ["lcnet"], option: value}]))
    with pytest.raises(BadInput) as refused:
        load_suite(str(file))
    assert str(refused.value) == f"suite {file}, part 2: {says}"


def test_ids_do_not_depend_on_how_values_are_spelled(tmp_path):
    said = check_suite(Suite(("lcnet",), backbone="resnet8", epochs=3, points=(1.0,), label_smoothing=1.0, seeds=(0,)))
    file = tmp_path / "suite.yaml"
    file.write_text("{methods: [lcnet], backbone: resnet8, epochs: 3, points: [1], label_smoothing: 1}")
    assert load_suite(str(file)) == [said] == load_suite(str(file), {"budget": "quick", "trials": 1})
    everything = Suite(**asdict(said))
    assert [job.id for job in plan(check_suite(everything))] == [job.id for job in plan(said)]


def test_what_is_off_does_not_count_and_what_is_a_default_does():
    """The default of distillation may change one day; jobs with the old one must not share an id with the new."""
    job = Job(method="lcnet", dataset="digits", backbone="resnet8", point=0.5, seed=0, **UNTRAINED | {"epochs": 1})
    ids = {Job(**asdict(job) | {"distillation": value}).id for value in (0.0, 0.5, 0.3)}
    assert len(ids) == 3
    values = {name: value for name, value in asdict(job).items() if UNTRAINED.get(name) != value}
    assert Job.read(values).id == job.id  # as in a plan that was written before an option was there


def test_defaults_come_from_data_set_and_budget():
    quick = check_suite(Suite(("lcnet",)))
    assert (quick.backbone, quick.points, quick.epochs, quick.backbone_epochs) == ("resnet14", (0.5,), 6, 5)
    assert quick.fine_tuning_lr == 0.16 and check_suite(Suite(("lcnet",), budget="paper")).fine_tuning_lr == 0.02
    assert (quick.batch_size, quick.micro_batch, quick.train_size) == (32, 0, 0)
    paper = check_suite(Suite(("lcnet",), dataset="cifar10", budget="paper"))
    assert (paper.epochs, paper.backbone_epochs, paper.batch_size) == (190, 200, 128)
    images = check_suite(Suite(("lcnet",), dataset="imagenet", micro_batch=0))
    assert (images.batch_size, images.micro_batch, images.train_size) == (16, 0, 128)
    assert check_suite(Suite(("lcnet",), epochs=3)).backbone_epochs == 3
    assert check_suite(Suite(("lcnet",), epochs=3, backbone_epochs=0)).backbone_epochs == 0


@pytest.mark.parametrize(
    ("method", "backbone", "train_size", "reason"),
    [
        ("dense", "mixer_s32_224", 128, "train_size 128 does not fit dense on mixer_s32_224: Input height"),
        ("skipnet_ff1", "resnet18", 32, "train_size 32 does not fit skipnet_ff1 on resnet18: Given input size"),
        ("skipnet_ff1", "vit_tiny_patch16_224", 0, "before block 2 of vit_tiny_patch16_224 are 197 x 1"),
    ],
)
def test_images_and_maps_that_a_network_does_not_take_are_refused_in_one_line(method, backbone, train_size, reason):
    with pytest.raises(BadInput, match=reason) as raised:
        check_suite(Suite((method,), dataset="imagenet", backbone=backbone, train_size=train_size))
    assert "\n" not in str(raised.value)


def test_a_training_size_counts_only_where_a_job_trains():
    assert check_suite(Suite(("dense",), dataset="imagenet", backbone="mixer_s32_224", train_size=0)).epochs
    assert not check_suite(Suite(("dense",), dataset="imagenet", backbone="mixer_s32_224", epochs=0)).epochs


def test_options_of_training_count_only_where_a_job_trains():
    jobs = [plan(check_suite(Suite(**SMALL, epochs=0, trials=trials)))[1] for trials in (1, 3)]
    assert jobs[0].id == jobs[1].id and jobs[1].trials == 1
