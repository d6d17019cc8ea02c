"""Sizes of tiles and launches, and weights as kernels read them: against PyTorch, without a GPU and without Triton."""

import pytest
import torch
from gated import unit
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.execution.triton.launch import divided, power_of_two
from bench.execution.triton.maps import LARGEST_TILE, Answers, Decided, Map, tile_of
from bench.execution.triton.parameters import LinearWeights, UnitWeights

SIZE = st.integers(1, 5000)


@settings(deadline=None)
@given(SIZE, st.sampled_from([1, 2, 16, 64]))
def test_a_power_of_two_holds_a_number_and_half_of_it_does_not(number, least):
    found = power_of_two(number, least)
    assert found.bit_count() == 1 and found >= max(number, least)
    assert found == least or found < 2 * number
    assert power_of_two(number, 1, 64) == min(power_of_two(number), 64)


@settings(deadline=None)
@given(SIZE, SIZE)
def test_parts_hold_everything_and_one_less_does_not(number, by):
    assert (divided(number, by) - 1) * by < number <= divided(number, by) * by


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 5), st.booleans())
def test_tiles_cover_a_map_and_images_are_its_memory(count, height, width, channels, pooled):
    found = Map.empty(count, height, width, channels, torch.zeros(1, dtype=torch.bfloat16), pooled)
    assert (found.count, found.pixels, found.channels) == (count, height * width, channels)
    assert (found.tiles - 1) * found.tile < found.pixels <= found.tiles * found.tile
    assert 16 <= tile_of(found.pixels) <= LARGEST_TILE
    assert found.values.dtype is torch.bfloat16 and (found.pooled is not None) == pooled
    if pooled:
        assert found.pooled.shape == (count, found.tiles, channels) and found.pooled.dtype is torch.float32
    seen = found.images()
    seen[count - 1, channels - 1, height - 1, width - 1] = 3
    assert seen.shape == (count, channels, height, width) and found.values[-1, -1, -1] == 3 == found.values.sum()


def test_room_for_decisions_and_answers():
    device = torch.device("cpu")
    assert Decided.empty(3, 8, False, device).kept is None
    found = Decided.empty(3, 8, True, device)
    assert found.kept.shape == found.channel_scale.shape == (3, 8) and found.counts.dtype is torch.int32
    assert Answers.empty(3, 10, False, device).alive is None
    assert Answers.empty(3, 10, True, device).alive.tolist() == [1, 1, 1]


@torch.no_grad()
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2)])
def test_taps_first_is_the_convolution_with_its_norm(size, stride):
    torch.manual_seed(0)
    module = unit(4, 6, size, stride, activation=False)
    for tensor in (module.norm.weight, module.norm.bias, module.norm.running_mean):
        nn.init.normal_(tensor)
    module.norm.running_var.uniform_(0.5, 2)
    module.eval()
    weights = UnitWeights.of(module, torch.float32)
    assert (weights.inputs, weights.outputs, weights.size, weights.stride) == (4, 6, size, stride)
    x = torch.randn(2, 4, 7, 9)
    columns = nn.functional.unfold(x, size, padding=size // 2, stride=stride)  # [N, inputs * taps, positions]
    by_tap = columns.view(2, 4, size * size, -1)
    found = torch.einsum("ncts,tco->nos", by_tap, weights.weight) + weights.bias[:, None]
    torch.testing.assert_close(found, module(x).flatten(2), rtol=1e-4, atol=1e-5)
    assert UnitWeights.of(module, torch.bfloat16).weight.dtype is torch.bfloat16
    assert UnitWeights.of(module, torch.bfloat16).bias.dtype is torch.float32


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_is_read_inputs_first_and_changes_with_nothing(bias):
    linear, x = nn.Linear(5, 3, bias=bias), torch.randn(2, 5)
    weights, expected = LinearWeights.of(linear), linear(x)
    torch.testing.assert_close(x @ weights.weight + weights.bias, expected)
    if bias:
        linear.bias.add_(1)
        torch.testing.assert_close(x @ weights.weight + weights.bias, expected)
    assert LinearWeights.of(None) is None
