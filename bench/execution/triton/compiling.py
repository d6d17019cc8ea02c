"""Kernels compiled for a GPU that need not be there: what each takes of registers and shared memory."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.execution.triton.launch import Launch

CAPABILITY = 90
"""Of an H100."""
TYPES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int32: "*i32"}
ALIGNED = [["tt.divisibility", 16]]
"""What Triton finds out at a launch: memory of PyTorch begins at multiples of 16 bytes, which loads rest on."""


TENSOR_CORES = re.compile(r"\bw?g?mma\S*\.f32\.(\w+)\.\w+")
"""Instructions that multiply matrices, and the type of their factors; sums are float32."""


@dataclass(frozen=True)
class Compiled:
    """What ``ptxas`` says of one kernel.

    Attributes:
        kernel: its name.
        registers: of each thread.
        spilled: bytes that each thread stores outside its registers for want of more.
        shared: bytes of shared memory of each program.
        products: types that it has tensor cores multiply, as PTX names them.
    """

    kernel: str
    registers: int
    spilled: int
    shared: int
    products: tuple[str, ...]


def compile_launch(launch: Launch, capability: int = CAPABILITY) -> Compiled:
    """Compiles the kernel of ``launch`` as it would be for its arguments.

    Raises:
        RuntimeError: Triton interprets its kernels in this process, which then cannot be compiled.
    """
    import triton
    from triton.backends.compiler import GPUTarget

    if not isinstance(launch.kernel, triton.JITFunction):
        raise RuntimeError("kernels are interpreted in this process: TRITON_INTERPRET is set")
    source = _source(launch)
    built = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=launch.options())
    registers, spilled = _assemble(built.asm["ptx"])
    products = tuple(sorted(set(TENSOR_CORES.findall(built.asm["ptx"]))))
    return Compiled(launch.kernel.__name__, registers, spilled, built.metadata.shared, products)


def distinct(launches: Iterable[Any]) -> list[Launch]:
    """Those that need code of their own; what is no launch is left out."""
    found: dict[Any, Launch] = {}
    for launch in launches:
        if isinstance(launch, Launch):
            kinds = {name: _kind(value) for name, value in launch.arguments.items()}
            found.setdefault((launch.kernel.__name__, *kinds.items()), launch)
    return list(found.values())


def _kind(value: Any) -> Any:
    """What code depends on: types of tensors, and everything else as it is."""
    return TYPES[value.dtype] if isinstance(value, Tensor) else value


def _source(launch: Launch) -> Any:
    from triton.compiler import ASTSource

    names, known = launch.kernel.arg_names, {each.name for each in launch.kernel.params if each.is_constexpr}
    signature, constants, attributes = {}, {}, {}
    for position, name in enumerate(names):
        value = launch.arguments[name]
        if isinstance(value, Tensor):
            signature[name], attributes[position,] = TYPES[value.dtype], ALIGNED
        elif name in known or value is None:
            signature[name], constants[name] = "constexpr", value
        else:
            signature[name] = "i32"
    return ASTSource(launch.kernel, signature, constants, attributes)


def _assemble(ptx: str) -> tuple[int, int]:
    """Registers and spilled bytes of each thread, as ``ptxas`` finds them."""
    import triton

    ptxas = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "ptxas"
    target = re.search(r"\.target (\w+)", ptx)
    assert target is not None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kernel.ptx")
        file.write_text(ptx)
        command: list[str | Path] = [ptxas, "-v", f"--gpu-name={target[1]}", file, "-o", Path(folder, "kernel.cubin")]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    registers, stores = re.search(r"Used (\d+) registers", said), re.search(r"(\d+) bytes spill stores", said)
    assert registers is not None and stores is not None, said
    return int(registers[1]), int(stores[1])
