"""What is published below one folder, and each of it compared with what its record says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.errors import BadInput
from bench.records import RECORD_FILE, Record, read_record, read_samples
from bench.zoo.checking import Load, compare_network, compare_quantised, record_differences
from bench.zoo.loading import find_published, find_quantised, has_network, source_of


@dataclass(frozen=True)
class Collection:
    """Published records below a folder, by the folders of their jobs.

    Attributes:
        bare: those whose networks were left out.
    """

    folder: Path
    networks: Mapping[Path, Record]
    quantised: Mapping[Path, Record]
    bare: Mapping[Path, Record]

    @classmethod
    def of(cls, folder: Path) -> Collection:
        """All that is published below ``folder``.

        Raises:
            BadInput: no such folder, nothing in it, or a record that cannot be read.
        """
        published, quantised = find_published(folder), find_quantised(folder)
        networks = {path: record for path, record in published.items() if has_network(record)}
        if not published and not quantised:
            raise BadInput(f"no shipped networks below {folder}")
        return cls(folder, networks, quantised, {p: one for p, one in published.items() if p not in networks})

    @property
    def records(self) -> dict[Path, Record]:
        """All of them."""
        return {**self.networks, **self.quantised, **self.bare}

    def compare(self, path: Path, load: Load, tier: str) -> list[str]:
        """Readable differences of one record: from its network measured again, else from the outcomes of its images."""
        record = self.records[path]
        if path in self.bare:
            return [f"{path.name}: {text}" for text in record_differences(record, read_samples(path))]
        if path in self.quantised:
            return compare_quantised(path, record, self._sources, load(record), tier)
        return compare_network(path, record, load(record), tier)

    @cached_property
    def _sources(self) -> Mapping[Path, Record]:
        """Networks of which the records in int8 may have been made: also in the folders beside this one."""
        if all(source_of(record, self.networks) for record in self.quantised.values()):
            return self.networks
        return {**_beside(self.folder), **self.networks}


def _beside(folder: Path) -> dict[Path, Record]:
    found = {}
    for file in sorted(folder.resolve().parent.glob(f"*/*/{RECORD_FILE}")):
        try:
            found[file.parent] = read_record(file.parent)
        except BadInput:
            continue  # somebody else's
    return {path: record for path, record in found.items() if has_network(record)}
