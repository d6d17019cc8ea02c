"""Files are whole or not there: whatever goes wrong while one is written, the former one stays and nothing is left."""

import hashlib
import os

import pytest

from bench.errors import BadInput
from bench.system.files import file_hash, remove_unfinished, write_atomically


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_takes_the_place_of_the_old_which_may_be_kept(tmp_path):
    path, kept = tmp_path / "file", tmp_path / "former"
    for text in ("first", "second", "third"):
        write_atomically(path, lambda temporary, text=text: temporary.write_text(text), previous=kept)
    assert (path.read_text(), kept.read_text()) == ("third", "second") and names(tmp_path) == ["file", "former"]
    write_atomically(path, lambda temporary: temporary.write_text("fourth"))
    assert (path.read_text(), kept.read_text()) == ("fourth", "second")


@pytest.mark.parametrize(
    ("error", "raised"), [(OSError(28, "No space left on device"), BadInput), (ValueError("mine"), ValueError)]
)
def test_what_fails_half_way_leaves_the_former_file_alone(tmp_path, error, raised):
    path = tmp_path / "file"
    path.write_text("whole")

    def half(temporary):
        temporary.write_text("ha")
        raise error

    with pytest.raises(raised, match=r"No space left|mine"):
        write_atomically(path, half, previous=tmp_path / "former")
    assert path.read_text() == "whole" and names(tmp_path) == ["file"]


def test_the_temporary_file_lies_beside_its_target_and_is_hidden(tmp_path):
    seen = []

    def write(temporary):
        seen.append(temporary)
        temporary.write_text("x")
        assert not (tmp_path / "file").exists()

    for _ in range(2):
        (tmp_path / "file").unlink(missing_ok=True)
        write_atomically(tmp_path / "file", write)
    assert {path.parent for path in seen} == {tmp_path} and len(set(seen)) == 2
    assert all(path.name.startswith(".") for path in seen)


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(BadInput, match=r"cannot write .*gone"):
        write_atomically(tmp_path / "gone" / "file", lambda temporary: temporary.write_text("x"))


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    def die(temporary):
        temporary.write_text("half")
        os.link(temporary, tmp_path / (temporary.name.removesuffix(".tmp") + "0.tmp"))

    write_atomically(tmp_path / "file", die)
    for name in ("notes.tmp", ".hidden"):
        (tmp_path / name).touch()
    assert len(names(tmp_path)) == 4
    remove_unfinished(tmp_path)
    assert names(tmp_path) == [".hidden", "file", "notes.tmp"]


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_hash_is_that_of_the_content(tmp_path, size):
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    (tmp_path / "file").write_bytes(content)
    assert file_hash(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_what_has_no_hash_is_one_line(tmp_path):
    for path, says in ((tmp_path, "no regular file"), (tmp_path / "gone", "No such file")):
        with pytest.raises(BadInput, match=says):
            file_hash(path)
    os.mkfifo(tmp_path / "pipe")  # which would be waited for
    with pytest.raises(BadInput, match="no regular file"):
        file_hash(tmp_path / "pipe")
