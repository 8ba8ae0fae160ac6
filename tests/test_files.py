"""A file is written whole or not at all, and what the learner wrote is still there at the next start."""

import json
import os
import subprocess
import sys

import pytest

from vae_helpers import answers, files
from vae_helpers.files import whole_file


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "folder" / "notes.txt"
    path.parent.mkdir()
    path.write_text("old")
    return path


# --- whole_file


def test_the_old_file_stands_until_the_new_one_is_done(old):
    with whole_file(old) as part:
        part.write_text("new")
        assert old.read_text() == "old"
    assert old.read_text() == "new"


def test_nothing_is_left_beside_the_file(old):
    with whole_file(old) as part:
        part.write_text("new")
    assert list(old.parent.iterdir()) == [old]


def test_missing_folders_are_made(tmp_path):
    with whole_file(tmp_path / "a" / "b" / "c.txt") as part:
        part.write_text("new")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "new"


def test_the_new_file_lies_where_a_move_is_atomic(old):
    with whole_file(old) as part:
        assert part.parent == old.parent


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask to speak of")
def test_the_new_file_has_the_permissions_of_any_other(old):
    other = old.with_name("other")
    other.touch()
    with whole_file(old) as part:
        part.write_text("new")
    assert old.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whatever_breaks_off_leaves_the_old_file(old, error):
    with pytest.raises(error):
        with whole_file(old) as part:
            part.write_text("half of the n")
            raise error
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


# setrlimit makes the system refuse longer files with EFBIG, much as a full disk does with ENOSPC
WITH_LITTLE_SPACE = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from vae_helpers.files import whole_file
try:
    with whole_file(sys.argv[1]) as part:
        part.write_bytes(bytes(10_000))
except OSError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no limit to a process's files")
def test_a_full_disk_is_an_oserror_that_names_the_file(old):
    command = [sys.executable, "-B", "-c", WITH_LITTLE_SPACE, str(old)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("OSError [Errno 27]") and str(old) in said and "untouched" in said
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_a_failed_move_is_an_oserror_that_names_the_file(old, monkeypatch):
    def replace(source, target):
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="notes.txt was not written.*No space left") as raised:
        with whole_file(old) as part:
            part.write_text("new")
    assert raised.value.errno == 28
    assert list(old.parent.iterdir()) == [old] and old.read_text() == "old"


def test_an_oserror_without_a_number_gets_none(old):
    with pytest.raises(OSError) as raised:
        with whole_file(old):
            raise OSError("the cable was pulled")
    assert str(raised.value).startswith(str(old)) and "the cable was pulled" in str(raised.value)


# --- folders


def test_folders_lie_in_the_clone():
    assert (files.root() / "pyproject.toml").is_file()
    assert files.data_folder() == files.root() / "data"
    assert files.downloads_folder() == files.root() / "data" / "downloads"


def test_without_a_clone_folders_lie_where_one_works(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "site-packages" / "vae_helpers")
    monkeypatch.chdir(tmp_path)
    assert files.data_folder() == tmp_path / "data"


@pytest.mark.parametrize("value", [None, ""])
def test_answers_lie_in_the_clone_by_default(monkeypatch, value):
    monkeypatch.delenv("VAE_ANSWERS")
    if value is not None:
        monkeypatch.setenv("VAE_ANSWERS", value)
    assert files.answers_folder() == files.root() / "answers"


# --- answers


def test_answers_lie_where_vae_answers_says(answers_of_its_own):
    answers.keep_answer("01_rmse", "x = 1\n")
    assert (answers_of_its_own / "01_rmse.py").read_text() == "x = 1\n"


def test_an_answer_survives():
    assert answers.earlier_answer("01_rmse") is None
    answers.keep_answer("01_rmse", "σ = 1\n")
    assert answers.earlier_answer("01_rmse") == "σ = 1\n"


def test_an_answer_survives_a_second_start(answers_of_its_own):
    answers.keep_answer("01_rmse", "x = 1\n")
    code = "from vae_helpers.answers import earlier_answer; print(earlier_answer('01_rmse'))"
    environment = dict(os.environ, VAE_ANSWERS=str(answers_of_its_own))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "x = 1\n\n", done.stderr


def test_the_last_answer_counts():
    answers.keep_answer("01_rmse", "x = 1\n")
    answers.keep_answer("01_rmse", "x = 2\n")
    assert answers.earlier_answer("01_rmse") == "x = 2\n"


def test_an_empty_answer_is_not_kept():
    answers.keep_answer("01_rmse", "x = 1\n")
    answers.keep_answer("01_rmse", " \n")
    assert answers.earlier_answer("01_rmse") == "x = 1\n"


def test_the_same_answer_is_not_written_again(monkeypatch):
    answers.keep_answer("01_rmse", "x = 1\n")
    monkeypatch.setattr(answers, "whole_file", None)  # to write would raise
    answers.keep_answer("01_rmse", "x = 1\n")


def test_an_answer_that_is_no_text_counts_as_none(answers_of_its_own):
    answers_of_its_own.mkdir()
    (answers_of_its_own / "01_rmse.py").write_bytes(b"\xff\xfe\xff")
    assert answers.earlier_answer("01_rmse") is None


# --- predictions


def test_guesses_survive_side_by_side():
    answers.keep_guess("first", "PCA")
    answers.keep_guess("second", "12")
    answers.keep_guess("first", "the autoencoder")
    assert answers.earlier_guess("first") == "the autoencoder"
    assert answers.earlier_guess("second") == "12"
    assert answers.earlier_guess("third") == ""


@pytest.mark.parametrize("content", [b"", b'{"first": "P', b"[1, 2]", b"3", b"\xff\xfe\xff"])
def test_damaged_predictions_are_started_afresh(answers_of_its_own, content):
    answers_of_its_own.mkdir()
    (answers_of_its_own / "predictions.json").write_bytes(content)
    assert answers.earlier_guess("first") == ""
    answers.keep_guess("first", "PCA")
    assert json.loads((answers_of_its_own / "predictions.json").read_text()) == {"first": "PCA"}
    assert (answers_of_its_own / "predictions.damaged.json").read_bytes() == content


def test_a_guess_that_is_no_text_counts_as_none(answers_of_its_own):
    answers_of_its_own.mkdir()
    (answers_of_its_own / "predictions.json").write_text('{"first": {"a": 1}}')
    assert answers.earlier_guess("first") == ""


def test_an_error_with_a_name_of_its_own_keeps_it(tmp_path):
    class NotFound(OSError):
        pass

    with pytest.raises(NotFound, match="no such set"):
        with whole_file(tmp_path / "file"):
            raise NotFound("no such set")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "file", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with whole_file(link) as part:
        part.write_text("new")
    assert link.is_symlink() and target.read_text() == "new"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="was not written"):
        with whole_file(tmp_path / "file" / "below"):
            pass
