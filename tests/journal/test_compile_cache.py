"""What was compiled is found again, with the same bits; what is damaged or not ours is not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from journal import compile_cache

SMALL = """
from journal import compile_cache
compile_cache.reuse()
from engine.arithmetic import tf
twice = tf.function(lambda x: x * 2.0, jit_compile=True, autograph=False)
print(float(twice(tf.constant(21.0))))
"""
STEP = """
import sys
from journal import compile_cache
if sys.argv[1] == "kept":
    compile_cache.reuse()
from engine.engine import arithmetic_digest
from engine.parameters import Parameters
print(arithmetic_digest(Parameters(memory_rows=256, archive_rows=256)))
"""


def ran(cache: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own whose user has this directory for what can be made again."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    environment.pop("TF_XLA_FLAGS", None)
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        check=False,
        text=True,
        env=environment,
    )


def kept(cache: Path) -> list[Path]:
    return sorted(cache.glob("trader/compiled/*/*.pb.*"))


def test_a_kept_step_gives_the_bits_of_one_that_was_just_compiled(tmp_path: Path) -> None:
    """Compiled and not kept, compiled and kept, and found: three processes."""
    words = ("alone", "kept", "kept")
    digests = [ran(tmp_path, STEP, word).stdout for word in words]

    assert len(set(digests)) == 1
    assert len(digests[0].strip()) == 32
    assert len(kept(tmp_path)) == 1
    assert len(list(tmp_path.glob("trader/compiled/*/*.artefact.*"))) == 1


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory in which one process has kept what it compiled."""
    cache = tmp_path_factory.mktemp("once")
    assert ran(cache, SMALL).stdout == "42.0\n"
    return cache


@pytest.fixture
def cache(once: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return shutil.copytree(once, tmp_path / "cache")


def test_what_is_damaged_is_compiled_again(cache: Path) -> None:
    """One bit: it is put away, and another takes its place."""
    (before,) = kept(cache)
    damaged = bytearray(before.read_bytes())
    damaged[500] ^= 1
    before.write_bytes(bytes(damaged))

    again = ran(cache, SMALL)

    assert (again.returncode, again.stdout) == (0, "42.0\n")
    (after,) = kept(cache)
    assert after.name.endswith(compile_cache.digest(after.read_bytes()))


def test_what_is_kept_is_used(cache: Path) -> None:
    """What passes for it, because its name is right, is what TensorFlow takes; it says so."""
    (right,) = kept(cache)
    nonsense = b"this is no machine code"
    name, _, _ = right.name.rpartition(".")
    right.with_name(f"{name}.{compile_cache.digest(nonsense)}").write_bytes(nonsense)
    right.unlink()

    assert ran(cache, SMALL).returncode != 0


def test_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """It is compiled as if there were nothing."""
    (tmp_path / "trader").write_text("a file, where a directory is wanted")

    alone = ran(tmp_path, SMALL)

    assert (alone.returncode, alone.stdout) == (0, "42.0\n")
    assert alone.stderr == f"what is compiled is not kept: {tmp_path}/trader is not a directory\n"


def test_what_is_left_behind_goes(cache: Path) -> None:
    """Of what is kept the oldest; and the directory of a process that was killed."""
    (mine,) = kept(cache)
    for number in range(compile_cache.KEPT_MAX + 2):
        data = str(number).encode()
        other = mine.with_name(f"other-{number}.pb.any.{compile_cache.digest(data)}")
        other.write_bytes(data)
        os.utime(other, (number, number))
    (mine.parent / "run-killed").mkdir()
    (mine.parent / "run-killed" / "left.pb").touch()

    checked(cache)

    assert mine in kept(cache)
    assert len(kept(cache)) == compile_cache.KEPT_MAX
    assert not list(mine.parent.glob("other-0.pb.*"))
    assert not list(mine.parent.glob("run-*"))


def checked(cache: Path, flags: str = "") -> tuple[str, str]:
    """Have a process look for what is kept; return TensorFlow's flags then, and what it said."""
    code = (
        "import os; from journal import compile_cache; compile_cache.reuse();"
        " print(os.environ['TF_XLA_FLAGS'])"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "TF_XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment
    )
    return done.stdout.strip(), done.stderr


def opened_up(cache: Path, kind: str) -> None:
    """Let others write to the cache, or lead it elsewhere."""
    store = next((cache / "trader" / "compiled").iterdir())
    match kind:
        case "cache":
            cache.chmod(0o777)
        case "trader":
            (cache / "trader").chmod(0o770)
        case "store":
            store.chmod(0o707)
        case "link":
            (cache / "trader" / "compiled").rename(cache / "elsewhere")
            (cache / "trader" / "compiled").symlink_to(cache / "elsewhere")


@pytest.mark.parametrize("kind", ["cache", "trader", "store", "link"])
def test_where_others_could_leave_code_none_is_taken(cache: Path, kind: str) -> None:
    """The digest in a name says nothing of who wrote it: nothing is kept, and a line says why."""
    opened_up(cache, kind)

    flags, said = checked(cache)

    assert flags == ""
    assert said.startswith("what is compiled is not kept: ")
    assert said.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_belongs_to_another_user_is_not_taken(cache: Path) -> None:
    """A directory ends the search; a file in ours is put away."""
    (file,) = kept(cache)
    os.chown(file, 65_534, 65_534)
    flags, _ = checked(cache)
    assert "run-" in flags
    assert not kept(cache)

    os.chown(cache / "trader", 65_534, 65_534)
    flags, said = checked(cache)
    assert flags == ""
    assert "belongs to another user" in said


@pytest.mark.parametrize("kind", ["writable", "link", "pipe", "huge", "short"])
def test_a_file_that_is_not_whole_and_ours_alone_is_put_away(cache: Path, kind: str) -> None:
    """Whatever its name says."""
    (file,) = kept(cache)
    match kind:
        case "short":
            os.truncate(file, 1000)
        case "writable":
            file.chmod(0o622)
        case "link":
            file.rename(cache / "code")
            file.symlink_to(cache / "code")
        case "pipe":
            file.unlink()
            os.mkfifo(file)
        case "huge":
            os.truncate(file, compile_cache.CODE_BYTES_MAX + 1)

    flags, said = checked(cache)

    assert "run-" in flags
    assert said == ""
    assert not kept(cache)


@pytest.mark.parametrize("name", ["a b", "a\tb", "a'b", 'a"b', "a,b"])
def test_a_path_that_tensorflow_cannot_be_told(tmp_path: Path, name: str) -> None:
    """Cut at its blank it would be another directory: nothing is written there, or anywhere."""
    flags, said = checked(tmp_path / name)

    assert flags == ""
    assert "what is compiled is not kept" in said
    assert not list(tmp_path.rglob("run-*"))


def test_a_directory_that_somebody_else_named(cache: Path, tmp_path: Path) -> None:
    """It is not TensorFlow's any more; nothing in it is published, and it stays."""
    planted = tmp_path / "run-planted"
    planted.mkdir()
    (planted / "x.pb").write_text("this is no machine code")

    flags, _ = checked(cache, f"--tf_xla_persistent_cache_directory={planted} --other=1")

    assert str(planted) not in flags
    assert "--other=1" in flags
    assert (planted / "x.pb").exists()
    assert not list(tmp_path.glob("x.pb.*"))


PARENT = """
import os, subprocess, sys
from journal import compile_cache
child = 'from journal import compile_cache as c; c.reuse(); print(c._own()); c.discard()'
compile_cache.reuse()
own = compile_cache._own()
others = [subprocess.run([sys.executable, '-c', child], capture_output=True, text=True).stdout]
child = os.fork()
if not child:
    compile_cache.discard()
    sys.exit()
os.waitpid(child, 0)
print(own, *others, own.exists(), sep='|')
"""


def test_a_child_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """What it compiles, puts away and removes is not its parent's; a fork's neither."""
    own, of_child, is_there = ran(tmp_path, PARENT).stdout.replace("\n", "").split("|")

    assert is_there == "True"
    assert own != of_child
    assert {Path(place).parent for place in (own, of_child)} == {Path(own).parent}
    assert not list(Path(own).parent.iterdir())


def test_what_another_process_removes_meanwhile_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes begin and end at any moment; each removes its own directory."""
    lock = compile_cache._lock

    def locked(directory: Path) -> int | None:
        if directory.name == "run-2":
            directory.rmdir()
        return lock(directory)

    for name in ("run-1", "run-2", "run-3"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(compile_cache, "_lock", locked)

    compile_cache._sweep(tmp_path)

    assert not list(tmp_path.iterdir())


FOUND = """
import sys
from journal import compile_cache
compile_cache.reuse()
for word in sys.argv[1:]:
    compile_cache.SHELF.keep("key", word.encode())
print([file.decode() for _, file in compile_cache.SHELF.found("key")])
"""


def artefacts(cache: Path) -> list[Path]:
    return sorted(cache.glob("trader/compiled/*/key.artefact.*"))


def test_an_artefact_is_found_by_its_key_the_newest_first(tmp_path: Path) -> None:
    """By the process that keeps it, and by the next one."""
    assert ran(tmp_path, FOUND, "one").stdout == "['one']\n"
    assert ran(tmp_path, FOUND, "two").stdout == "['two', 'one']\n"
    assert {file.stat().st_mode & 0o777 for file in artefacts(tmp_path)} == {0o600}


@pytest.mark.parametrize("kind", ["damaged", "short", "writable", "link", "foreign"])
def test_an_artefact_that_is_damaged_or_not_ours_is_put_away(tmp_path: Path, kind: str) -> None:
    ran(tmp_path, FOUND, "whole")
    (file,) = artefacts(tmp_path)
    match kind:
        case "damaged":
            file.write_bytes(b"whale")
        case "short":
            file.write_bytes(b"who")
        case "writable":
            file.chmod(0o620)
        case "link":
            file.rename(tmp_path / "elsewhere")
            file.symlink_to(tmp_path / "elsewhere")
        case "foreign":
            if os.geteuid() != 0:
                pytest.skip("only root can give a file away")
            os.chown(file, 65_534, 65_534)

    found = ran(tmp_path, FOUND)

    assert (found.returncode, found.stdout) == (0, "[]\n")
    assert not artefacts(tmp_path)


def test_no_more_artefacts_are_kept_than_that(tmp_path: Path) -> None:
    """I10."""
    words = [str(number) for number in range(compile_cache.KEPT_MAX + 3)]

    ran(tmp_path, FOUND, *words)

    assert len(artefacts(tmp_path)) == compile_cache.KEPT_MAX


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_from_where_others_can_write_no_artefact_is_taken(tmp_path: Path, mode: int) -> None:
    ran(tmp_path, FOUND, "whole")
    (tmp_path / "trader").chmod(mode)

    found = ran(tmp_path, FOUND, "another")

    assert found.stdout == "[]\n"
    assert "other users can write" in found.stderr


def test_what_the_package_ships_is_found_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the processor is of its class."""
    monkeypatch.setattr(compile_cache, "SHIPPED", tmp_path)
    (tmp_path / "key-of-a-test.artefact").write_bytes(b"shipped")
    shelf = compile_cache.SHELF

    assert list(shelf.found("key-of-a-test")) == [("x86-64-v3", b"shipped")]
    assert list(shelf.found("another")) == []
    monkeypatch.setattr(compile_cache, "_cpuinfo", lambda: ("flags : fpu sse2 avx",))
    assert list(shelf.found("key-of-a-test")) == []
