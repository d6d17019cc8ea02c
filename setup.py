"""The native executor's library, once for each instruction set. Where one cannot be built, the rest installs.

With ``BENCH_PURE=1`` none is built: the wheel then suits every platform, and networks run in PyTorch.
"""

import os

from setuptools import Extension, setup

SOURCE = "bench/execution/native/source"
TARGETS = {
    "avx512": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mavx2", "-mfma"],
    "avx2": ["-mavx2", "-mfma"],
    "portable": [],
}
FLAGS = ["-std=c++17", "-O3", "-pthread", "-fvisibility=hidden", "-ffp-contract=fast"]

setup(
    ext_modules=[]
    if os.environ.get("BENCH_PURE") == "1"
    else [
        Extension(
            f"bench.execution.native._{target}",
            [f"{SOURCE}/executor.cpp"],
            depends=[f"{SOURCE}/{header}.h" for header in ("kernel", "network", "plan", "team")],
            extra_compile_args=[*FLAGS, *flags],
            extra_link_args=["-pthread"],
            language="c++",
            optional=True,
        )
        for target, flags in TARGETS.items()
    ]
)
