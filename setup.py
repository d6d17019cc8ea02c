"""The native executor's library, once for each instruction set. Where one cannot be built, the rest installs.

With ``BENCH_PURE=1`` none is built: the wheel then suits every platform, and networks run in PyTorch.
"""

import os
import re
from pathlib import Path

from setuptools import Extension, setup

SOURCE = "bench/execution/native/source"
TARGETS = {
    "avx512": ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mavx2", "-mfma"],
    "avx2": ["-mavx2", "-mfma"],
    "portable": [],
}
FLAGS = ["-std=c++17", "-O3", "-pthread", "-fvisibility=hidden", "-ffp-contract=fast"]


def description() -> str:
    """The README for a package index, where the repository's files are not at hand: no images of its own, and the words
    of links to its own files, without the links."""
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    own = r"\((?!https?://)[^)\s]+\)"
    text = re.sub(rf"!\[[^\]]*\]{own}\n+", "", text)
    return re.sub(rf"(?<!!)\[([^\]]+)\]{own}", r"\1", text)


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
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
    ],
)
