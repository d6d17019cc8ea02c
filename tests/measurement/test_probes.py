"""Features at each depth, and probes on data whose answer is known."""

import numpy as np
import torch

from bench.measurement.probes import block_features, macs_before, probe
from bench.networks.backbones import build_backbone
from bench.networks.cost import count_backbone


@torch.no_grad()
def test_features_are_what_blocks_and_classifier_get(digits):
    backbone = build_backbone("resnet8", 10, "digits").eval()
    split = digits.test.first(30)
    found = block_features(backbone, digits, split)
    images = digits.normalise(split.images)
    assert [features.shape for features in found] == [(30, 32), (30, 32), (30, 64), (30, 128)]
    stem = backbone.stem(images)
    np.testing.assert_allclose(found[0][:, :16], stem.mean((2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[0][:, 16:], stem.flatten(2).std(2), rtol=1e-4, atol=1e-6)
    logits = backbone.classifier(torch.from_numpy(found[-1][:, :64]))
    torch.testing.assert_close(logits, backbone(images), rtol=1e-4, atol=1e-5)


def test_macs_until_each_depth_rise_to_all_but_the_classifier():
    cost = count_backbone(build_backbone("resnet20", 10, "cifar10"))
    found = macs_before(cost)
    assert found == sorted(found) and len(found) == 10
    assert (found[0], found[-1]) == (cost.stem, cost.total - cost.head)


def test_probes_find_what_is_there_and_nothing_where_nothing_is():
    generator = np.random.default_rng(0)
    seen, new = generator.normal(size=(2, 1500, 6))
    # Only trees see a sign of a product; both see a sum; nobody sees chance.
    linear, trees = probe(seen, seen[:, 0] > 1, new, new[:, 0] > 1)
    assert min(linear, trees) > 0.98
    linear, trees = probe(seen, seen[:, 0] * seen[:, 1] > 0, new, new[:, 0] * new[:, 1] > 0)
    assert abs(linear - 0.5) < 0.06 and trees > 0.9
    linear, trees = probe(seen, generator.random(1500) < 0.2, new, generator.random(1500) < 0.2)
    assert max(abs(linear - 0.5), abs(trees - 0.5)) < 0.08
    assert probe(seen, np.zeros(1500, bool), new, new[:, 0] > 1) is None
