"""The Triton executor without a GPU: its kernels interpreted, compiled for capability 9.0, and refused in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gated import bottlenecks

from baselines.early_exit import EarlyExit
from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.triton import availability, interpreting, missing
from bench.execution.triton.availability import too_old
from bench.networks.backbones import build_backbone
from bench.networks.network import DynamicNetwork
from lcnet.method import CNet, LCNet, LNet

pytest.importorskip("triton.language", reason="Triton is not installed")
TOO_OLD = pytest.mark.skipif(too_old(), reason="this Triton is too old")
HERE = Path(__file__).parent
LARGEST_SHARED = 227 * 1024
"""Bytes of shared memory that one program can have at capability 9.0."""


def run(command: list[object], interpret: bool = True) -> subprocess.CompletedProcess:
    """``command`` of Python in a process of its own, without a GPU."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "01"[interpret]}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@TOO_OLD
def test_by_the_interpreter():
    files = [HERE / f"{name}_interpreted.py" for name in ("kernels", "networks", "bf16")]
    done = run(["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *files])
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-6000:] + done.stderr[-2000:]


@TOO_OLD
@pytest.mark.skipif(interpreting(), reason="kernels are interpreted in this process")
def test_every_kernel_compiles_for_capability_9_without_spills(tmp_path, monkeypatch):
    from bench.execution.triton.compiling import compile_launch

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    compiled = [compile_launch(launch) for launch in launches()]
    assert {one.kernel for one in compiled} == {"unit", "decide", "subsample", "max_pool", "classify", "leave", "whole"}
    for one in compiled:
        assert one.spilled == 0 and 0 < one.registers <= 255 and one.shared <= LARGEST_SHARED, one
    products = {kernel: {one.products for one in compiled if one.kernel == kernel} for kernel in ("unit", "whole")}
    assert products == {"unit": {(), ("bf16",), ("tf32",)}, "whole": {(), ("bf16",)}}


def launches() -> list:
    """Those of a gated CIFAR ResNet, of other networks what that does not have, and wide units in other precisions."""
    from bench.execution.triton.compiling import distinct
    from bench.execution.triton.maps import Map
    from bench.execution.triton.parameters import PRECISIONS
    from bench.execution.triton.program import Program
    from bench.execution.triton.whole import WholeProgram

    def of(network: DynamicNetwork, size: int, precision: str = "float32") -> list:
        images = Map.empty(1, size, size, 3, torch.empty(0, dtype=PRECISIONS[precision][0]), False)
        return distinct(Program(network.eval(), images, precision).launches)

    gated = LCNet().build(build_backbone("resnet8", 10), 0.5)
    large = bottlenecks(64)
    large.classifier = torch.nn.Linear(large.classifier.in_features, 1000)
    exits = EarlyExit(shares=(0.9,)).build(build_backbone("resnet8", 10), 0.5)
    others = [one for one in (*of(DynamicNetwork(large), 64), *of(exits, 32)) if one.kernel.__name__ != "unit"]
    wide = [one for name in ("tf32", "bfloat16") for one in of(gated, 32, name) if one.arguments.get("ROLE") == "add"]
    room, halves = (
        Map.empty(1, 32, 32, 3, torch.empty(0, dtype=PRECISIONS[one][0]), False) for one in ("tf32", "bfloat16")
    )
    scarce = CNet().build(build_backbone("resnet20", 10), 0.5)  # ptxas spills unless it may take all registers
    whole = WholeProgram(scarce.eval(), room, "float32").launches
    return [*of(gated, 32), *others, *wide[2::3], *whole, *WholeProgram(exits.eval(), halves, "bfloat16").launches]


@pytest.mark.skipif(interpreting(), reason="kernels are interpreted in this process")
def test_bytes_are_those_of_maps_that_are_read_and_written():
    from bench.execution.triton.maps import Map
    from bench.execution.triton.program import Program
    from bench.execution.triton.traffic import floor_bytes, moved_bytes

    network = LNet().build(build_backbone("resnet8", 10), 0.5).eval()
    program = Program(network, Map.empty(2, 32, 32, 3, torch.empty(0), False), "float32")
    first, second, third = 16 * 32 * 32, 32 * 16 * 16, 64 * 8 * 8  # floats of the maps of each stage
    stem, classifier = 3 * 32 * 32 + first, 10
    branches = (2 + 3) * first + (first + second) + 3 * second + (second + third) + 3 * third
    shortcuts = first / 4 + second + second / 4 + third
    parameters = sum(unit.conv.weight.numel() + unit.conv.out_channels for unit in units_of(network))
    parameters += 64 * 10 + 10 + sum(block.in_channels + 1 for block in network.backbone.blocks)
    for scale, share in ((1.0, 1), (0.0, 0)):
        for decided in program.decided:
            decided.scales.fill_(scale)
        expected = 4 * (2 * (stem + share * branches + shortcuts) + parameters)
        # Sums of tiles, which gates read, are the rest.
        assert expected < moved_bytes(program.launches) < 1.12 * expected
    least = floor_bytes(program.images, program.answers, program.launches)
    assert least == 4 * (2 * (3 * 32 * 32 + classifier) + parameters)


STEM_PADDED = 9 * 16 * 16 * 1024
"""Multiply-adds of ResNet-8's stem, its three channels filled up to the 16 that a product takes."""


def programs_of(network: DynamicNetwork, count: int) -> list:
    """In both forms: a launch per unit, and one."""
    from bench.execution.triton.maps import Map
    from bench.execution.triton.program import Program
    from bench.execution.triton.whole import WholeProgram

    room = Map.empty(count, 32, 32, 3, torch.empty(0), False)
    return [kind(network.eval(), room, "float32") for kind in (Program, WholeProgram)]


@pytest.mark.skipif(interpreting(), reason="kernels are interpreted in this process")
@pytest.mark.parametrize(("kept", "rounded"), [(0, 0), (5, 16), (16, 16)])
def test_operations_are_macs_and_what_fills_up_tiles(kept, rounded):
    """Of channels a multiple of 16 is multiplied, of blocks that are skipped nothing, in both forms."""
    from bench.execution.triton.operations import multiplied

    network = LCNet().build(build_backbone("resnet8", 10), 0.5)
    branches = sum(sum(cost.units) * rounded / cost.inner_channels for cost in network.backbone_cost.blocks)
    for program in programs_of(network, 3):
        for decided in program.decided:
            decided.scales.copy_(torch.tensor([0.0, 0.5, 1.0]))
            decided.channel_scale.zero_()[:, :kept] = 0.5
            if decided.counts is not None:
                decided.counts.fill_(kept)
        assert multiplied(program.launches) == 3 * STEM_PADDED + 2 * branches


@pytest.mark.skipif(interpreting(), reason="kernels are interpreted in this process")
def test_what_is_counted_ends_where_a_sample_leaves():
    from bench.execution.triton.operations import multiplied
    from bench.execution.triton.traffic import moved_bytes

    network = EarlyExit(shares=(0.1,)).build(build_backbone("resnet8", 10), 0.5)
    first, *others = [sum(cost.units) for cost in network.backbone_cost.blocks]
    program, moved = programs_of(network, 2)[0], {}
    program.answers.alive.fill_(-1)  # as behind every pass
    for taken, blocks in (((0, 0), 2 * first), ((1, 0), 2 * first + sum(others)), ((1, 1), 2 * (first + sum(others)))):
        program.answers.taken.copy_(torch.tensor(taken))
        assert multiplied(program.launches) == 2 * STEM_PADDED + blocks
        moved[taken] = moved_bytes(program.launches)
    assert moved[1, 1] - moved[1, 0] == moved[1, 0] - moved[0, 0] > 4 * 2 * (16 * 1024 + 32 * 256 + 64 * 64)


def units_of(network: DynamicNetwork) -> list:
    return [network.backbone.stem, *(unit for block in network.backbone.blocks for unit in block.units)]


def test_a_folder_of_that_name_is_not_triton(tmp_path, monkeypatch):
    (tmp_path / "triton").mkdir()
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert missing() == "Triton is not installed"


@pytest.mark.parametrize(("version", "old"), [("3.4.0", True), ("3.10.0", False)])
def test_a_triton_that_is_too_old_is_said(monkeypatch, version, old):
    monkeypatch.setattr(availability.metadata, "version", lambda name: version)
    assert (missing() == "Triton 3.4.0 is too old: 3.7 is needed, which newer versions of torch bring") == old


@TOO_OLD
@pytest.mark.skipif(torch.cuda.is_available() or interpreting(), reason="kernels run here")
def test_without_a_gpu_it_is_refused_in_one_line(bench_here):
    with pytest.raises(BadInput, match="there is no GPU here"):
        to_inference(LCNet().build(build_backbone("resnet8", 10), 0.5), "triton")
    code, out, error = bench_here("run", "--methods", "dense", "--executor", "triton", "--backbone", "resnet8-w0.25")
    assert (code, out) == (2, "") and len(error.strip().splitlines()) == 1
    assert "--executor triton: there is no GPU here" in error


def test_importing_the_executors_does_not_import_triton():
    done = run(["-c", "import sys, bench.execution; print('triton' in sys.modules)"], interpret=False)
    assert done.stdout.strip() == "False", done.stdout + done.stderr
