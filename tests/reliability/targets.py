"""What is fuzzed: for each kind of input, how a case is made and which command reads it."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import forks
import numpy as np
import pandas as pd
import pyarrow
import torch
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mutations import json_values, mutated, mutated_json
from safetensors.torch import load_file, save

from bench.runs.plan.suite import Suite
from bench.system.options import options_of

SMALL = "resnet8-w0.25"
MAKE = f"run --methods lnet --points 0.6 --backbone {SMALL} --epochs 0 --no-timing --out runs".split()


class Accepted(BaseException):
    """The input was understood and jobs would begin."""


@dataclass(frozen=True)
class Target:
    """``case`` writes files into a folder and returns the arguments of ``bench`` that read them.

    Attributes:
        what: in words.
        weight: share of all cases.
    """

    what: str
    weight: int
    case: Callable[[random.Random, Path, Path], list[str]]


def prepare(base: Path) -> None:
    """Finished and shipped jobs to spoil, below ``base``; from here on commands stop where jobs would begin."""
    import bench.cli
    from bench.data import DataOptions, imagenet
    from bench.measurement import conformance as verify
    from bench.networks.backbones import build_backbone, load_weights
    from bench.runs import run as running

    def make(tell: int) -> None:
        os.chdir(base)
        for arguments in (MAKE, ["publish", "runs", "--to", "shipped"]):
            try:
                forks.bench(arguments)
            except SystemExit as left:
                if left.code:
                    raise RuntimeError(f"{arguments} ended with {left.code}") from left

    ended = forks.Fork(make).wait()
    if ended.status:
        raise RuntimeError(ended.error)

    def accept(*_: object) -> None:
        raise Accepted

    @click.command("load-weights")
    @click.argument("path")
    def load(path: str) -> None:
        load_weights(build_backbone(SMALL, 10), Path(path))

    @click.command("read-images")
    @click.argument("folder", type=click.Path(path_type=Path))
    def read(folder: Path) -> None:
        found = imagenet.load(folder, DataOptions("resnet18", workers=0))
        for split in (found.train, found.validation, found.test):
            for _ in split.batches(8):
                pass

    bench.cli.cli.add_command(load)
    bench.cli.cli.add_command(read)
    running.run_jobs = verify.verify_method = accept
    click.launch = accept


def generated(strategy: st.SearchStrategy, draw: random.Random) -> object:
    """One value that hypothesis makes."""
    found = []

    @seed(draw.getrandbits(64))
    @settings(database=None, max_examples=2, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def take(value: object) -> None:
        found.append(value)

    take()
    return found[-1]


# Suite files

SUITE = {"methods": ["lcnet", "skipnet"], "points": [0.3, 0.5], "seeds": [0, 1], "epochs": 1, "backbone": SMALL}
SUITE_KEYS = tuple(options_of(Suite))
SUITE_VALUES = (
    "dense", "cifar10", "digits", "resnet20", "resnet8-w0.5", "resnet8-w99999", "resnet110b-w1e9", "resnet8-w0.0001",
    "quick", "bfloat16", [0.5, 1], [0], [1.5], ["lcnet"], 0.5, 3, 10**400, [10**4000], list(range(300)),
    [0.1 + 0.0001 * i for i in range(300)], "nothing.th", ".", "/dev/zero",
)  # fmt: skip
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi")
)
LOOPS = (
    "methods: &a [*a]", "&a {methods: [dense], budget: *a}", "? [1]\n: 2", "- &a [*a]", "[" * 5000, "{a: " * 3000,
    "!!python/object/apply:os.system ['touch ran']", "methods: !!binary x", "methods: 2020-99-01",
    "seeds: [0x" + "f" * 5000 + "]", "seeds: [" + "9" * 5000 + "]",
)  # fmt: skip

suites = st.dictionaries(
    st.sampled_from(SUITE_KEYS) | st.text(max_size=5),
    json_values | st.sampled_from(SUITE_VALUES),
    max_size=5,
).map(lambda values: {"methods": ["lcnet"]} | values)


def suite_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    kind = draw.random()
    if kind < 0.5:
        content = mutated(yaml.safe_dump(SUITE).encode(), draw)
    elif kind < 0.9:
        values = generated(suites | st.lists(suites, max_size=2), draw)
        content = json.dumps(values).encode("utf-8", "surrogatepass")
    elif kind < 0.95:
        key = draw.choice(SUITE_KEYS)
        content = (BOMB + f"{'' if key == 'methods' else 'methods: [dense]'}\n{key}: *i\n").encode()
        content = content if draw.random() < 0.5 else b"x:\n" + content
    else:
        content = draw.choice(LOOPS).encode()
    (folder / "suite.yaml").write_bytes(content)
    return ["run", "--suite", "suite.yaml", "--out", "out"]


# What a run leaves: records, tables of images, networks, plans


def copied(base: Path, folder: Path, name: str = "runs") -> Path:
    """Two finished jobs in ``folder``; returns the folder of the gated one."""
    shutil.copytree(base / name, folder / "runs", ignore=shutil.ignore_patterns("report", "bench.log", ".locks"))
    return next((folder / "runs").glob("lnet-*"))


def reading(draw: random.Random, job: Path) -> list[str]:
    """A command that reads the folders of jobs."""
    other = next(path for path in job.parent.iterdir() if path.name.startswith("dense-"))
    runs, pair = str(job.parent), [str(job), str(other)]
    draw.shuffle(pair)
    return draw.choice(
        (
            ["compare", *pair],
            ["compare", *pair],
            ["merge", runs, "--out", "out"],
            ["status", runs],
            ["check", "--against", "table.csv", runs],
            ["report", runs, "--out", "out", "--format", "csv"],
            ["report", runs, "--out", "out", "--format", "md,latex"],
        )
    )


def measuring(draw: random.Random, job: Path) -> list[str]:
    """A command that loads networks."""
    runs = str(job.parent)
    return draw.choice(
        (
            ["check", "--pretrained", runs],
            ["publish", runs, "--to", "out"],
            ["curve", str(job), "--points", "3"],
            ["run", "--pretrained", runs, "--out", "out"],
        )
    )


def forget_files(job: Path) -> None:
    """As in records from before files were named in them, whose damage no hash shows."""
    record = json.loads((job / "record.json").read_text())
    record["details"].pop("files")
    (job / "record.json").write_text(json.dumps(record))


def record_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    job = copied(base, folder, draw.choice(("runs", "shipped")))
    shutil.copy(base / "shipped.csv", folder / "table.csv")
    path = job / "record.json"
    if draw.random() < 0.25:
        path.write_bytes(mutated(path.read_bytes(), draw))
    elif draw.random() < 0.8:
        path.write_text(mutated_json(path.read_text(), draw))
    else:
        values = json.loads(path.read_text())
        values[draw.choice(list(values))] = generated(json_values, draw)
        path.write_text(json.dumps(values))
    return reading(draw, job) if draw.random() < 0.85 else measuring(draw, job)


def samples_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    job = copied(base, folder, draw.choice(("runs", "shipped")))
    shutil.copy(base / "shipped.csv", folder / "table.csv")
    path = job / "samples.parquet"
    if draw.random() < 0.5:
        path.write_bytes(mutated(path.read_bytes(), draw))
    else:
        with suppress(pyarrow.ArrowInvalid, pyarrow.ArrowTypeError):  # no such file can be made
            spoiled_table(pd.read_parquet(path), draw).to_parquet(folder / "spoiled.parquet", index=False)
            (folder / "spoiled.parquet").replace(path)
    if draw.random() < 0.8:
        forget_files(job)
    return reading(draw, job) if draw.random() < 0.85 else ["check", "--pretrained", str(job.parent)]


def spoiled_table(table: pd.DataFrame, draw: random.Random) -> pd.DataFrame:
    column = draw.choice(list(table.columns))
    kind = draw.randrange(7)
    if kind == 0:
        return table.drop(columns=column)
    if kind == 1:
        return table.iloc[: draw.choice((0, 1, len(table) // 2))]
    if kind == 2:
        return pd.concat([table, table])
    if kind == 3:
        rows = 20_000_000 if draw.random() < 0.02 else 1000
        return table.iloc[:, : 1 if rows > 1000 else None].iloc[np.zeros(rows, dtype=int)]
    if kind == 4:
        return table.rename(
            columns={column: draw.choice(("executed_x", "kept_99999999999999999999", "MACs", "\x1b[0m"))}
        )
    values = draw.choice((np.nan, np.inf, -1, 2**62, 1e300, "text", None, "<b>", b"\xff", True))
    changed = table[column].astype(object)
    changed.iloc[: draw.choice((1, len(table)))] = values
    try:
        return table.assign(**{column: changed.infer_objects() if draw.random() < 0.5 else [values] * len(table)})
    except (TypeError, ValueError, OverflowError):
        return table.assign(**{column: values})


def table_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    job = copied(base, folder)
    (folder / "table.csv").write_bytes(mutated((base / "shipped.csv").read_bytes(), draw))
    return ["check", "--against", "table.csv", str(job.parent)]


def plan_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    job = copied(base, folder)
    config = json.loads((job / "record.json").read_text())["details"]["config"]
    plan = {
        "engine": "inline",
        "workers": 1,
        "command": "bench run",
        "timing": True,
        "jobs": [config, config | {"seed": 5}],
    }
    text = mutated_json(json.dumps(plan), draw) if draw.random() < 0.7 else mutated(json.dumps(plan).encode(), draw)
    place = job.parent / "engine" / "1-1"
    place.mkdir(parents=True)
    (place / "plan.json").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    if draw.random() < 0.3:
        (job / "failure.json").write_bytes(
            mutated(b'{"reason": "r", "kind": "k", "when_utc": "w", "command": "c"}', draw)
        )
    return [draw.choice(("status", "status", "cancel")), str(job.parent)]


def network_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    job = copied(base, folder, draw.choice(("runs", "shipped")))
    path = job / "model.safetensors"
    if draw.random() < 0.6:
        path.write_bytes(mutated(path.read_bytes(), draw))
    else:
        path.write_bytes(save(spoiled_weights(load_file(path), draw)))
    if draw.random() < 0.8:
        forget_files(job)
    return measuring(draw, job)


def spoiled_weights(state: dict[str, torch.Tensor], draw: random.Random) -> dict[str, torch.Tensor]:
    name = draw.choice(list(state))
    kind = draw.randrange(5)
    if kind == 0:
        state.pop(name)
    elif kind == 1:
        state["another"] = torch.zeros(3)
    elif kind == 2:
        value = draw.choice((float("nan"), float("inf"), -6e4))
        state[name] = torch.full_like(state[name], value if state[name].is_floating_point() else -1)
    elif kind == 3:
        state[name] = state[name].flatten()[: draw.randrange(3)].clone()
    else:
        state[name] = state[name].to(
            draw.choice((torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float64))
        )
    return state


class Attack:
    """Unpickled by anything but a reader of plain weights, it leaves a file ``ran``."""

    def __reduce__(self):
        return os.system, ("touch ran",)


def checkpoint_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    """``--backbone-weights``, as a public ``.th`` file and as ``.safetensors``."""
    from bench.networks.backbones import build_backbone

    state = build_backbone(SMALL, 10).state_dict()
    name = next(iter(state))
    kind = draw.random()
    if kind < 0.15:
        state[name] = Attack()
    elif kind < 0.25:
        state[name] = draw.choice(
            (torch.zeros(1).expand(10**6, 10**6), torch.zeros(3), 1, None, "x", torch.zeros(1, dtype=torch.complex64))
        )
    elif kind < 0.3:
        state = draw.choice(
            ([], {}, {"state_dict": 3}, {1: torch.zeros(2)}, torch.zeros(2), {"state_dict": {1: torch.zeros(1)}})
        )
    wrapped = {"state_dict": state} if draw.random() < 0.5 else state
    path = folder / draw.choice(("weights.th", "weights.th", "weights.pt", "weights.safetensors"))
    torch.save(wrapped, path, _use_new_zipfile_serialization=draw.random() < 0.6)
    if draw.random() < 0.1:
        path.write_bytes(pickle.dumps(Attack()))
    if draw.random() < 0.7:
        path.write_bytes(mutated(path.read_bytes(), draw))
    return ["load-weights", path.name]


def cifar_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    """Batches as torchvision would read them, with another content: none may be unpickled."""
    place = folder / "data" / "cifar-10-batches-py"
    place.mkdir(parents=True)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"):
        content = pickle.dumps(draw.choice((Attack(), {"data": np.zeros((4, 3072), np.uint8), "labels": [0] * 4})))
        if draw.random() < 0.9:
            (place / name).write_bytes(mutated(content, draw) if draw.random() < 0.7 else content)
    return ["run", "--methods", "dense", "--dataset", "cifar10", "--data-dir", "data", "--out", "out"]


def folder_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    """A folder of images by class, some of which are none; half of the cases decode them all."""
    from PIL import Image

    data = folder / "data" / draw.choice(("", "imagenet"))
    labels = ["n01440764", "n02102040"]
    spoiled = draw.choice((0, 0.05, 0.3))
    strange = draw.choice(("n01440764\n", "...", "n99999999", "\u202e", "n02102040 "))
    for split in ("train", "val"):
        for label in (*labels, strange) if draw.random() < 0.15 else labels[draw.random() < 0.05 :]:
            place = data / split / label
            place.mkdir(parents=True)
            for number in range(draw.choice((2, 3, 4)) if draw.random() < 0.95 else 0):
                path = place / f"{number}.{draw.choice(('JPEG', 'JPEG', 'jpg', 'png', 'webp', 'txt'))}"
                mode, size = (
                    draw.choice(("RGB", "RGB", "L", "CMYK", "RGBA", "P", "I;16")),
                    draw.choice(((1, 8), (8, 8), (300, 8))),
                )
                kind = draw.choice(("JPEG", "PNG")) if mode in ("RGB", "L") else "TIFF" if mode == "CMYK" else "PNG"
                Image.new(mode, size).save(path, kind)
                if draw.random() < spoiled:
                    path.write_bytes(mutated(path.read_bytes(), draw))
    if draw.random() < 0.5:
        return ["read-images", "data"]
    return "run --methods dense --dataset imagenet --data-dir data --batch-size 2 --out out".split()


# Command lines

COMMANDS = ("run", "status", "cancel", "merge", "report", "compare", "curve", "check", "publish", "verify", "list")
OPTIONS = (
    "--methods --suite --pretrained --dataset --data-dir --backbone --points --seeds --epochs --backbone-epochs "
    "--budget --backbone-weights --distillation --trials --precision --device --compile --executor --deterministic "
    "--timing --no-timing --out --fresh --engine --workers --gpus-per-job --slurm --against --tier --part --to --span "
    "--format --convention --open --help --version -x --"
).split()
WORDS = (
    "lcnet dense,lcnet nosuch quick cifar10-resnet20 digits cifar10 imagenet resnet8 resnet20-w0.5 resnet8-w99999 0.5 "
    "0.3,0.5 nan inf -1 0 1 1e999 2,1 methods datasets paper float32 cpu cuda native torch local slurm inline K=V "
    "cpus_per_task=0 1/1 9/3 fast html,md csv flops runs table.csv . /dev/null /dev/zero nowhere"
).split()
words = st.sampled_from(
    (*WORDS, *WORDS, ",", "", "\x00"[:0], "a" * 3000, "\udcff", "9" * 5000, "é\u202e", "\x1b[2J")
) | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
lines = st.tuples(st.sampled_from(COMMANDS), st.lists(st.sampled_from(OPTIONS) | words | words, max_size=7)).map(
    lambda line: [line[0], *line[1]]
)


def line_case(draw: random.Random, folder: Path, base: Path) -> list[str]:
    copied(base, folder)
    shutil.copy(base / "shipped.csv", folder / "table.csv")
    arguments = generated(lines, draw)
    if arguments[0] == "run" and draw.random() < 0.7:
        arguments[1:1] = ["--methods", "lcnet"]
    return arguments


TARGETS = {
    "suite": Target("suite files", 20, suite_case),
    "record": Target("records", 22, record_case),
    "samples": Target("tables of images (parquet)", 10, samples_case),
    "network": Target("networks (safetensors)", 8, network_case),
    "checkpoint": Target("backbone weights (.th, .pt, .safetensors)", 12, checkpoint_case),
    "table": Target("agreed tables (CSV)", 5, table_case),
    "plan": Target("plans and failures of runs", 5, plan_case),
    "cifar": Target("CIFAR-10 batches", 3, cifar_case),
    "folder": Target("folders of images", 2, folder_case),
    "line": Target("command lines", 13, line_case),
}
