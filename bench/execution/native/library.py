"""The compiled library: what it was built for, and its C interface (``source/network.h``) in Python."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

TARGETS = {"avx512": 0b10, "avx2": 0b01, "portable": 0b00}
"""Instruction sets, best first, and which of ``native_features`` they need."""
ERROR_SIZE = 256

Floats = ctypes.c_void_p


def _structure(name: str, **fields: type) -> type[ctypes.Structure]:
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


Int, Long, Float = ctypes.c_int32, ctypes.c_int64, ctypes.c_float
Convolution = _structure(
    "Convolution", weight=Floats, bias=Floats, inputs=Int, outputs=Int, kernel=Int, stride=Int, relu=Int
)
Linear = _structure("Linear", weight=Floats, bias=Floats, inputs=Int, outputs=Int)
Exit = _structure("Exit", classifier=Linear, mix=Float, threshold=Float)
IDENTITY, SUBSAMPLED, PROJECTION = range(3)
Block = _structure(
    "Block",
    units=ctypes.POINTER(Convolution),
    unit_count=Int,
    gated_unit=Int,
    shortcut=Int,
    before=Int,
    projection=Convolution,
    layer_gate=Linear,
    channel_gate=Linear,
    menu=Int,
    exit=Exit,
)
Network = _structure(
    "Network", stem=Convolution, max_pool=Int, block_count=Int, blocks=ctypes.POINTER(Block), classifier=Linear
)
Images = _structure("Images", data=Floats, image=Long, channel=Long, row=Long, column=Long, count=Int)
Results = _structure("Results", logits=Floats, layer_scales=Floats, channel_scales=Floats, answers=ctypes.c_void_p)


@cache
def targets() -> tuple[str, ...]:
    """The instruction sets that were built and that this processor has, best first; none without a compiler."""
    built = {target for target in TARGETS if _path(target)}
    if "portable" not in built:
        return ()
    features = load("portable").native_features()
    return tuple(target for target, needed in TARGETS.items() if target in built and features & needed == needed)


@cache
def load(target: str) -> ctypes.CDLL:
    """The library for one of ``targets()``."""
    library = ctypes.CDLL(str(_path(target)))
    library.native_create.restype = ctypes.c_void_p
    library.native_create.argtypes = [ctypes.POINTER(Network), Int, Int, Int, ctypes.c_char_p, ctypes.c_size_t]
    library.native_run.restype = None
    library.native_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(Images), ctypes.POINTER(Results)]
    library.native_destroy.restype = None
    library.native_destroy.argtypes = [ctypes.c_void_p]
    library.native_features.restype = Int
    return library


def _path(target: str) -> Path | None:
    paths = (Path(__file__).parent / f"_{target}{suffix}" for suffix in EXTENSION_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)
