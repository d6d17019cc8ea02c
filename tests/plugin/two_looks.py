"""A dynamic network of one's own: a small look at each image, a larger one where that is not sure."""

import torch
from torch import nn

from bench import OwnOutput


class TwoLooks(nn.Module):
    """A linear look at 8x8 pixels; below ``threshold`` of confidence a convolution looks again."""

    def __init__(self, classes, threshold=0.6):
        super().__init__()
        self.small = nn.Linear(3 * 8 * 8, classes)
        self.large = nn.Conv2d(3, 8, 3, 2, 1)
        self.head = nn.Linear(8, classes)
        self.threshold = threshold

    def forward(self, images):
        logits = self.small(nn.functional.adaptive_avg_pool2d(images, 8).flatten(1))
        again = logits.softmax(1).amax(1) < self.threshold
        if again.any():
            maps = self.large(images[again]).relu()
            logits[again] = self.head(maps.mean((2, 3)))
        first = self.small.weight.numel()
        second = self.large.weight.numel() * (images.shape[2] // 2) * (images.shape[3] // 2) + self.head.weight.numel()
        return OwnOutput(logits, macs=first + second * again.double(), exits=again.long())


def two_looks(classes):
    torch.manual_seed(0)
    return TwoLooks(classes)
