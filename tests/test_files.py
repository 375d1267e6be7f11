"""Files: what is no regular one is not opened, what can't be written leaves the old one."""

import errno
import os
import socket
from contextlib import nullcontext

import polars as pl
import pytest

import accelnas
from accelnas import databases
from accelnas.databases import hindrance
from accelnas.exact import Certificate, RunOptions
from accelnas.exact.checkpoint import opened
from accelnas.files import read_text, regular, replacing, write_frame, write_text
from accelnas.fitting.dataset import read_dataset
from accelnas.fitting.encoding import Encoding
from accelnas.fitting.evaluation.cells import Cache
from accelnas.fitting.settings import read_settings
from accelnas.fitting.sources import read_source
from accelnas.fitting.tuning import read_search_space

SPACE = accelnas.mnasnet_space()
READERS = {
    "space": accelnas.Space.from_toml,
    "benchmark": lambda path: accelnas.load(path.parent),
    "certificate": Certificate.load,
    "settings": read_settings,
    "search space": read_search_space,
    "encoding": lambda path: Encoding.from_toml(path, SPACE),
    "model": read_source,
    "checkpoint": lambda path: accelnas.load().best(
        "macs", within={"block0_e": 6}, options=RunOptions(checkpoint=path)
    ),
    "data": lambda path: read_dataset(path.rename(path.with_suffix(".csv"))),
}


def make(kind, path):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
@pytest.mark.parametrize("reader", READERS)
def test_only_regular_files_are_opened(tmp_path, monkeypatch, reader, kind):
    if (reader, kind) in {("space", "folder"), ("data", "folder")}:
        return  # of a benchmark; of result files
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "benchmark.toml"
    make(kind, path)
    with pytest.raises(accelnas.AccelnasError, match=r"benchmark\.(toml|csv).* (is|no settings|no search space)"):
        READERS[reader](path)


@pytest.mark.parametrize("reader", sorted(set(READERS) - {"checkpoint"}))
def test_files_beyond_any_size_are_not_read(tmp_path, reader):
    path = tmp_path / "benchmark.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(accelnas.AccelnasError, match="bytes, at most"):
        READERS[reader](path)


def test_names_that_no_system_takes_are_errors_of_files(tmp_path):
    for name in ("a\0b", str(tmp_path / ("x" * 300)), str(tmp_path / "absent")):
        with pytest.raises(accelnas.FileError):
            regular(name)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(accelnas.SpaceError, match="bytes is no text"):
        read_text(tmp_path / "bytes", accelnas.SpaceError)


def test_what_fails_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_text(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(accelnas.FileError, match=r"a: No space left on device; nothing was written"), replacing(path):
        full()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(accelnas.FileError, match="No space left"):
            write_text(path, "new")
    frame = pl.DataFrame({"a": [1]})
    for form in ("parquet", "csv"):
        for error in (pl.exceptions.ComputeError("No space left on device"), OSError(errno.ENOSPC, "full")):
            with monkeypatch.context() as patched:
                patched.setattr(pl.DataFrame, f"write_{form}", lambda *_, e=error, **__: (_ for _ in ()).throw(e))
                with pytest.raises(accelnas.FileError, match="nothing was written"):
                    write_frame(frame, path, form)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    for other in (tmp_path, "/dev/full"):
        with pytest.raises(accelnas.FileError, match="no regular file"):
            write_frame(frame, other)


def test_a_file_system_without_locks_or_maps_is_not_another_run(tmp_path, monkeypatch):
    import fcntl
    import mmap

    locked = Exception("database is locked")
    assert hindrance(tmp_path / "a", locked) == "another run may be using it"

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "lockf", refuse)
        assert "its file system can't lock" in hindrance(tmp_path / "a", locked)
    with monkeypatch.context() as patched:
        patched.setattr(mmap, "mmap", lambda *_: (_ for _ in ()).throw(OSError(errno.ENODEV, "no maps")))
        assert "its file system can't map" in hindrance(tmp_path / "a", Exception("disk I/O error"))
    assert not list(tmp_path.iterdir())


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw,relatime - autofs systemd-1 rw
31 30 0:41 / /home rw,relatime shared:7 master:2 - nfs4 server:/home rw,vers=4.2
32 31 0:42 / /home/scratch\040disk rw - xfs /dev/sdb1 rw
33 22 0:43 / /lustre rw - lustre mds@tcp:/fs rw
34 22 0:44 / /data rw - fuse.sshfs me@server: rw
35 22 0:45 / /merged rw - fuse.mergerfs /a:/b rw
36 22 8:4 / /stick rw - fuseblk /dev/sdc1 rw
"""


def test_databases_stay_off_file_systems_of_networks(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "_MOUNTS", tmp_path / "mountinfo")
    assert databases.file_system("/home/a.db") is None  # no Linux
    (tmp_path / "mountinfo").write_text(MOUNTS)
    (tmp_path / "link").symlink_to("/lustre")
    known = {
        "/homes/a.db": "ext4", "/home/me/no/a.db": "nfs4", "/home/scratch disk/a.db": "xfs", "/lustre": "lustre",
        f"{tmp_path}/link/a.db": "lustre", "/data/a.db": "fuse.sshfs", "/merged/a.db": "fuse.mergerfs",
        "/stick/a.db": "fuseblk",
    }  # fmt: skip
    assert {path: databases.file_system(path) for path in known} == known
    refused = {path for path, kind in known.items() if kind in {"nfs4", "lustre", "fuse.sshfs"}}
    for path in known:
        with pytest.raises(accelnas.FileError, match="network") if path in refused else nullcontext():
            databases.check_database(path)
    text = r"/home/a.db is on a file system of a network \(nfs4\), where .*; name a file on a disk of this machine, or"
    with pytest.raises(accelnas.FileError, match=text), opened("/home/a.db"):
        pass
    with pytest.raises(accelnas.FileError, match=text):
        Cache("/home/a.db")
    monkeypatch.setenv("ACCELNAS_NETWORK_DATABASES", "1")
    databases.check_database("/home/a.db")
