"""A dynamic network of one's own: verified, tested and reported beside ours, and doubted where its claims are wrong."""

import shutil
import sys
from functools import partial
from importlib import import_module, reload
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import bench
from bench.errors import BadInput
from bench.execution.contents import contents_hash
from bench.execution.own import OwnNetwork, make_own
from bench.measurement.conformance.own import doubts, varied
from bench.measurement.latency import DenseRival, time_network
from bench.networks.backbones import build_backbone
from bench.networks.cost import count_backbone
from bench.records import find_records, read_samples

PLUGIN = Path(__file__).parents[1] / "plugin" / "two_looks.py"
RUN = ("run", "--backbone", "resnet8-w0.25", "--epochs", 0, "--no-timing")


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The example of ``tests/plugin`` as a module of the current folder."""
    shutil.copy(PLUGIN, tmp_path / "looks.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("looks")
    for name in {"looks", "bad"} & set(sys.modules):
        del sys.modules[name]


def _deciding(images, executed, kept):
    return bench.OwnOutput(images.flatten(1)[:, :10], torch.ones(2), executed=executed, kept=kept)


def _own(network):
    cost = count_backbone(build_backbone("resnet8-w0.25", 10, "digits"))
    return OwnNetwork("mine", network, 10, cost)


def test_it_is_measured_beside_ours_with_the_weights_of_a_file(module, bench_here, tmp_path, digits):
    torch.manual_seed(1)
    network = module.TwoLooks(10, threshold=0.2)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "looks.py").write_text(PLUGIN.read_text().replace("=0.6", "=0.2"))
    reload(module)
    command = (*RUN, "--network", "looks:two_looks", "--weights", "w.safetensors")
    code, out, error = bench_here(*command)
    assert code == 0 and "two_looks" in out, error
    records = {record.method: (folder, record) for folder, record in find_records([tmp_path / "runs"]).items()}
    assert set(records) == {"dense", "two_looks"}
    folder, record = records["two_looks"]
    samples = read_samples(folder)
    with torch.inference_mode():
        expected = network(digits.normalise(digits.test.images))
    assert list(samples["prediction"]) == expected.logits.argmax(1).tolist()
    assert list(samples["macs"]) == expected.macs.long().tolist() and set(samples["exit"]) == {0, 1}
    assert record.valid and record.macs_backbone == records["dense"][1].macs_backbone
    kept = (folder / "record.json").stat().st_mtime_ns
    assert bench_here(*command)[0] == 0 and (folder / "record.json").stat().st_mtime_ns == kept
    assert "two_looks," in (tmp_path / "runs" / "report" / "table.csv").read_text()


def test_claims_that_a_counter_does_not_see_make_a_record_invalid(module, tmp_path, digits):
    class Boasts(module.TwoLooks):
        def forward(self, images):
            found = super().forward(images)
            return bench.OwnOutput(found.logits, found.macs / 2, exits=found.exits)

    records = bench.run(network=Boasts(10), backbone="resnet8-w0.25", epochs=0, timing=False)
    found = records[1]
    assert found.method == "Boasts" and not found.valid and "independent counter" in found.invalid_reasons


def test_the_same_weights_with_another_threshold_are_another_network(module):
    def measured(threshold):
        network = module.two_looks(10)
        network.threshold = threshold
        return bench.run(network=network, backbone="resnet8-w0.25", epochs=0, timing=False)[1]

    assert measured(0.0).macs_mean < measured(1.1).macs_mean


def test_what_lists_and_closures_hold_is_part_of_the_id(module):
    class Listed(module.TwoLooks):
        def __init__(self, options, kept):
            torch.manual_seed(0)
            super().__init__(10)
            self.options, self.keep = options, lambda: kept

    held = [contents_hash(Listed([one], two)) for one, two in ((1, 2), (3, 2), (1, 4), (1, {"deep": torch.ones(2)}))]
    assert len(set(held)) == 4 and held[0] == contents_hash(Listed([1], 2).eval())
    itself = [1]
    itself.append(itself)
    assert contents_hash(itself) != contents_hash([1])


def test_a_partial_factory_is_called_by_its_function_and_arguments(module):
    def measured(**given):
        (_, found) = bench.run(
            network=partial(module.two_looks, **given), backbone="resnet8-w0.25", epochs=0, timing=False
        )
        return found

    module.two_looks = lambda classes, threshold: module.TwoLooks(classes, threshold)
    module.two_looks.__name__, module.two_looks.__module__ = "two_looks", "looks"
    assert measured(threshold=0.25).method == "two_looks-threshold-0.25"
    with pytest.raises(BadInput, match="is no name for a network"):
        measured(threshold=[1, 2])


def test_a_network_that_is_given_is_left_alone_and_timed(module, monkeypatch):
    monkeypatch.setattr(DenseRival, "best", lambda rival, batches: next(iter(rival.forms)))
    for phase in ("bench.runs.phases.own", "bench.runs.phases.times"):
        monkeypatch.setattr(f"{phase}.time_network", partial(time_network, seconds=0.05))
        monkeypatch.setattr(f"{phase}.DenseRival", partial(DenseRival, compile=False))
        monkeypatch.setattr(f"{phase}.timed_images", lambda job, data: data.test.first(64).images)
    network = module.TwoLooks(10).train()
    found = bench.run(network=network, backbone="resnet8-w0.25", methods=["dense"], epochs=0)[1]
    assert network.training and all(parameter.requires_grad for parameter in network.parameters())
    assert found.latency_ms_p50 > 0 and found.dense_throughput_ips > 0 and found.speedup_latency > 0
    assert not found.valid and "too short" in found.invalid_reasons and "independent" not in found.invalid_reasons


def test_images_that_are_checked_cost_differently():
    class Counts(nn.Module):
        def forward(self, images):
            rare = images.flatten(1)[:, 0]
            return bench.OwnOutput(images.flatten(1)[:, :10], 1 + rare.round())

    images = torch.zeros(40, 3, 4, 4)
    images[33], images[7] = 5, 2
    assert varied(_own(Counts()), images)[:, 0, 0, 0].tolist() == [0, 2, 5] + [0] * 5
    images[:, 0, 0, 0] = torch.arange(40)
    assert varied(_own(Counts()), images)[:, 0, 0, 0].tolist() == [0, 6, 11, 17, 22, 28, 33, 39]


def test_an_image_must_not_depend_on_its_batch(module, digits):
    class Average(module.TwoLooks):
        def forward(self, images):
            return super().forward(images - images.mean(0))

    images = digits.normalise(digits.validation.images)
    assert not doubts(_own(module.TwoLooks(10)), images)
    assert "differ from those in a batch" in doubts(_own(Average(10)), images)[0]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda images: images.flatten(1)[:, :10], "must return a bench.OwnOutput, with logits and the MACs"),
        (lambda images: bench.OwnOutput(images.flatten(1)[:, :9], torch.ones(len(images))), "of shape (2, 10)"),
        (lambda images: bench.OwnOutput(images.flatten(1)[:, :10], -torch.ones(len(images))), "macs that are below 0"),
        (lambda images: bench.OwnOutput(images.flatten(1)[:, :10], torch.ones(1)), "macs of shape (2,)"),
        (lambda images: _deciding(images, torch.ones(2, 3), torch.ones(2, 4)), "different numbers of blocks"),
        (lambda images: _deciding(images, [1, 1], None), "must return executed of shape"),
        (lambda images: images.no_such_thing, "failed on 2 images"),
    ],
)
def test_what_is_no_output_is_one_line(returned, message):
    class Network(nn.Module):
        def forward(self, images):
            return returned(images)

    with pytest.raises(BadInput) as refused:
        _own(Network())(torch.rand(2, 3, 16, 16))
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_what_cannot_be_meant_is_one_line(module, bench_here, tmp_path):
    (tmp_path / "w.pt").write_bytes(b"no weights")
    (tmp_path / "bad.py").write_text("def lcnet(classes): ...\ndef number(classes): return 3\ndef none(): ...\n")
    for arguments, message in (
        (("--network", "looks:nothing"), "cannot be made"),
        (("--network", "nowhere:nothing"), "cannot be made"),
        (("--network", "nothing"), "unknown network 'nothing': give module:factory, or one that is registered ("),
        (("--network", "bad:none"), "called with the number of classes (10), it raised TypeError: none() takes 0"),
        (("--network", "bad:lcnet"), "is a method of ours"),
        (("--network", "bad:number"), "is no torch.nn.Module"),
        (("--network", "looks:two_looks", "--weights", "w.pt"), "does not hold the weights"),
        (("--network", "looks:two_looks", "--weights", "no.pt"), "no file no.pt"),
        (("--weights", "w.pt"), "those of a --network"),
    ):
        code, _, error = bench_here(*RUN, *arguments)
        assert code == 2 and message in error and error.count("\n") == 1, error
    assert not (tmp_path / "runs").exists(), "refused before anything is trained"


def test_it_is_set_beside_one_backbone(module, bench_here, tmp_path):
    parts = ("- {methods: dense, backbone: resnet8, epochs: 0}", "- {methods: dense, backbone: resnet14, epochs: 0}")
    (tmp_path / "two.yaml").write_text("\n".join(parts))
    code, _, error = bench_here("run", "--suite", "two.yaml", "--network", "looks:two_looks")
    assert code == 2 and "resnet14, resnet8: choose with --backbone" in error and error.count("\n") == 1


def test_decisions_are_kept_block_by_block():
    class Gated(nn.Module):
        def forward(self, images):
            kept = torch.tensor([[1.0, 0.25], [0.0, 0.5]])
            return bench.OwnOutput(torch.rand(2, 10), torch.ones(2), kept=kept)

    found = _own(make_own(Gated(), None, 10))(torch.rand(2, 3, 16, 16))
    assert [decision.layer.executed.tolist() for decision in found.decisions] == [[1, 0], [1, 1]]
    assert [decision.kept_fraction.tolist() for decision in found.decisions] == [[1, 0], [0.25, 0.5]]
