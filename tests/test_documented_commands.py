"""Commands in the documents are ones that there are, with options that they have."""

import re
import shlex
from pathlib import Path

import click
import pytest

from bench.cli import cli

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "results").glob("*/README.md"))]
BLOCK = re.compile(r"```sh\n(.*?)```", re.S)
COMMAND = re.compile(r"(?:^|\s|-m )bench ([a-z]+(?: .*)?)$")


def commands(document: Path) -> list[str]:
    lines = "\n".join(BLOCK.findall(document.read_text())).replace("\\\n", " ").splitlines()
    stripped = (re.sub(r"\s+#.*", "", line).strip() for line in lines)
    return [found[1] for line in stripped if (found := COMMAND.search(line))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_exists(document):
    for line in commands(document):
        name, *arguments = shlex.split(line)
        assert name in cli.commands, line
        command = cli.commands[name].load()
        known = {option for one in command.get_params(click.Context(command)) for option in one.opts}
        asked = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
        assert asked <= known, line


def test_commands_are_found():
    assert sum(len(commands(document)) for document in DOCUMENTS) > 25
