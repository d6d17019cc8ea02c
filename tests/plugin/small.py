"""A backbone of one's own: three residual blocks of narrow bottlenecks."""

from torch import nn

from bench.networks import Backbone, ConvUnit, ResidualBlock


def _unit(inputs, outputs, size, stride=1, activation=True):
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return ConvUnit(conv, nn.BatchNorm2d(outputs), activation)


def _block(inputs, outputs, stride):
    units = [_unit(inputs, 8, 3, stride), _unit(8, outputs, 1, activation=False)]
    shortcut = nn.Identity() if inputs == outputs else _unit(inputs, outputs, 1, stride, activation=False)
    return ResidualBlock(units, shortcut)


def small(classes):
    blocks = [_block(16, 16, 1), _block(16, 32, 2), _block(32, 32, 1)]
    return Backbone("small", _unit(3, 16, 3, 2), blocks, nn.Linear(32, classes), (3, 32, 32))
