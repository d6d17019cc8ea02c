#!/usr/bin/env bash
# The native tests under the address and undefined-behaviour sanitizers, on a build of their own in a temporary folder.
# Needs g++, and the Python environment of the project as `python` or as the first argument.
set -euo pipefail
cd "$(dirname "$0")/../../.."
python="$(command -v "${1:-python}")"
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT

flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g"
CFLAGS="$flags" CXXFLAGS="$flags" LDFLAGS="$flags" "$python" setup.py -q build --build-base "$build/base" --build-lib "$build/lib"
if [[ "$(nm -D "$build"/lib/bench/execution/native/_portable.*.so)" != *__asan* ]]; then
    echo "the build is not instrumented" >&2
    exit 1
fi
# Python itself is not instrumented: the sanitizer has to be there before it, and Python's own leaks are not ours.
# -P: not the package of this folder but the one just built.
LD_PRELOAD="$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libstdc++.so)" ASAN_OPTIONS=detect_leaks=0 \
    PYTHONPATH="$build/lib" "$python" -P -m pytest -q -p no:cacheprovider tests/execution/native
