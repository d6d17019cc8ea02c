"""Kinds of values on the command line: what they take, and what completion offers for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from bench.choices import backbone_names, method_names, split_list
from bench.runs.plan.bundled import suite_names

Names = Callable[[click.Context], Iterable[str]]


class CommaSeparated(click.ParamType):
    """``a,b,c`` as a tuple of one kind of value.

    Args:
        names: what completion offers, also behind a comma; nothing twice.
    """

    name = "list"

    def __init__(self, kind: type, names: Names = lambda context: ()):
        self.kind, self.names = kind, names

    def convert(self, value, parameter, context):
        if isinstance(value, tuple):
            return value
        try:
            return tuple(map(self.kind, split_list(value)))
        except ValueError:
            self.fail(f"{value!r} is no comma-separated list of {self.kind.__name__}s", parameter, context)

    def shell_complete(self, context, parameter, incomplete):
        if incomplete.count("[") > incomplete.count("]"):
            return []  # within a method's choices
        before, comma, last = incomplete.rpartition(",")
        left = [name for name in self.names(context) if name not in before.split(",")]
        return [CompletionItem(before + comma + name) for name in left if name.startswith(last)]


class Named(click.ParamType):
    """A name of which completion knows some.

    Args:
        or_file: whether it may be a file instead; completion offers files where no name fits.
    """

    name = "text"

    def __init__(self, names: Names, or_file: bool = False):
        self.names, self.or_file = names, or_file

    def shell_complete(self, context, parameter, incomplete):
        found = [CompletionItem(name) for name in self.names(context) if name.startswith(incomplete)]
        return found or ([CompletionItem(incomplete, type="file")] if self.or_file else [])


class Folder(click.Path):
    """A path of which completion offers folders; whether it is one, and must exist, is its command's to say."""

    def __init__(self):
        super().__init__(path_type=Path)

    def shell_complete(self, context, parameter, incomplete):
        return [CompletionItem(incomplete, type="dir")]


FILE, FOLDER = click.Path(path_type=Path), Folder()
METHOD = Named(lambda context: method_names())
METHODS = CommaSeparated(str, lambda context: method_names())
SUITE = Named(lambda context: suite_names(), or_file=True)
BACKBONE = Named(lambda context: backbone_names(context.params.get("dataset") or ""))
WEIGHTS = Named(lambda context: ["timm"], or_file=True)

data_dir_option = click.option("--data-dir", type=FOLDER, envvar="BENCH_DATA", help="Also from BENCH_DATA.")
