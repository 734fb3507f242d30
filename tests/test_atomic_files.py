"""Files that users name: the kinds that are refused, and the permissions that stay."""

import os
import stat
from contextlib import suppress
from threading import Event, Thread

import pytest

import skfashion
from skfashion import BackboneFeatures
from skfashion._atomic_files import open_to_write, resolve_output, write_file
from skfashion._command_line.main import main

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
needs_modes = pytest.mark.skipif(os.name != "posix", reason="needs permissions of files")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    yield tmp_path / "pipe"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [path.name for path in tmp_path.glob("pipe*")] == ["pipe"]


@needs_pipes
def test_a_pipe_is_not_replaced_by_a_file(pipe):
    message = r"path='.*pipe' must be a regular file .* got a device, a named pipe .*another file"
    with pytest.raises(OSError, match=message):
        skfashion.save(BackboneFeatures(), pipe)


@needs_pipes
def test_a_link_to_a_pipe_is_refused(pipe, tmp_path):
    (tmp_path / "link").symlink_to(pipe)
    with pytest.raises(OSError, match="must be a regular file"):
        resolve_output(tmp_path / "link")


@needs_pipes
@pytest.mark.parametrize("option", ["--out", "--report"])
def test_the_command_line_names_the_option(pipe, tmp_path, capsys, option):
    outputs = {"--out": str(tmp_path / "model.skf"), "--report": str(tmp_path / "report.html")}
    outputs[option] = str(pipe)
    words = [word for pair in outputs.items() for word in pair]
    assert main(["fit", str(tmp_path), *words]) == 1
    assert f"error: {option}='{pipe}' must be a regular file" in capsys.readouterr().err


@needs_modes
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "model.skf"
    skfashion.save(BackboneFeatures(layer="conv1"), path)
    path.chmod(mode)
    skfashion.save(BackboneFeatures(layer="conv2"), path)
    assert mode_of(path) == mode
    assert skfashion.load(path).layer == "conv2"


@needs_modes
def test_a_file_is_private_before_it_has_content(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.touch(0o600)
    modes = []
    monkeypatch.setattr(os, "fsync", lambda number: modes.append(os.fstat(number).st_mode))
    write_file(path, b"secret")
    assert [stat.S_IMODE(mode) for mode in modes] == [0o600]


@needs_modes
def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").touch()
    write_file(tmp_path / "new", b"")
    assert mode_of(tmp_path / "new") == mode_of(tmp_path / "usual")


@needs_modes
def test_files_of_a_card_keep_their_modes(tmp_path):
    card = skfashion.ModelCard("Card", {"Pictures": "![p](p.png)"}, {"p.png": b"picture"})
    card.save(tmp_path / "card.md")
    files = [tmp_path / "card.md", tmp_path / "card_p.png"]
    for path in files:
        path.chmod(0o600)
    card.save(tmp_path / "card.md")
    assert [mode_of(path) for path in files] == [0o600, 0o600]


def test_a_folder_that_others_remove_while_it_is_empty(tmp_path):
    folder, is_over, removed = tmp_path / "folder", Event(), []

    def remove():
        # Without a pause this thread would always run between the two calls of the other one.
        while not is_over.wait(1e-4):
            with suppress(OSError):
                folder.rmdir()
                removed.append(folder)

    thread = Thread(target=remove)
    thread.start()
    try:
        for number in range(300):
            path = folder / str(number)
            with open_to_write(path) as file:
                file.write(b"x")
            assert path.read_bytes() == b"x"
            path.unlink()
    finally:
        is_over.set()
        thread.join()
    assert removed
