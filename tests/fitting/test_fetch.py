"""The download against a local server that can break off and lie."""

import hashlib
import http.server
import json
import threading
from pathlib import Path

import pytest

from accelnas.errors import DataError
from accelnas.fitting import fetch as module
from accelnas.fitting.fetch import cache_folder, fetch, fetch_split

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        content = server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: server.breaks.pop(0) if server.breaks else len(content)])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files = {"/data": CONTENT}
        server.asked, server.breaks = [], []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_plain_download_is_verified_and_kept(server, tmp_path):
    told = []
    target = tmp_path / "new" / "data"
    assert fetch(f"{server.url}/data", target, SHA256, lambda *state: told.append(state)) == target
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [file.name for file in target.parent.iterdir()] == ["data"]
    fetch(f"{server.url}/data", target, SHA256)
    assert server.asked == ["/data"]  # the second call needed no download
    target.write_bytes(b"damaged")
    fetch(f"{server.url}/data", target, SHA256)
    assert target.read_bytes() == CONTENT


def test_broken_connections_are_tried_again(server, tmp_path):
    server.breaks = [100_000, 150_000]
    fetch(f"{server.url}/data", tmp_path / "data", SHA256)
    assert len(server.asked) == 3
    assert (tmp_path / "data").read_bytes() == CONTENT
    server.breaks = [1000, 1000, 1000]
    with pytest.raises(DataError, match=r"ended after 1000 of 512000 bytes; run again|IncompleteRead"):
        fetch(f"{server.url}/data", tmp_path / "other", SHA256)
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_wrong_content_is_thrown_away(server, tmp_path):
    with pytest.raises(DataError, match=f"has SHA-256 {SHA256}; expected {'0' * 64}"):
        fetch(f"{server.url}/data", tmp_path / "data", "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_clear_errors(server, tmp_path, monkeypatch):
    target = tmp_path / "data"
    with pytest.raises(DataError, match="the server answers 404"):
        fetch(f"{server.url}/nothing", target, SHA256)
    for url in ("file:///etc/passwd", "ftp://host/x", "data"):
        with pytest.raises(DataError, match="not an http or https address"):
            fetch(url, target, SHA256)
    monkeypatch.setattr(module, "SIZE_LIMIT", 1000)
    with pytest.raises(DataError, match="refusing more than 1000"):
        fetch(f"{server.url}/data", tmp_path / "other", None)
    with pytest.raises(DataError, match="run again, or name another"):
        fetch("http://127.0.0.1:9/data", tmp_path / "third", SHA256)


def test_split_is_assembled_and_checked(server, tmp_path, monkeypatch):
    parts = {"train": [3, 1], "val": [4], "test": [2]}
    for part, ids in parts.items():
        paths = json.dumps([f"x/result_{i}.json" for i in ids])
        server.files[f"/{part}_paths.json"] = paths.encode()
    with pytest.raises(DataError, match="its ids differ"):
        fetch_split(tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []
    ordered = json.dumps({part: sorted(ids) for part, ids in parts.items()}, sort_keys=True)
    monkeypatch.setattr(module, "SPLIT_SHA256", hashlib.sha256(ordered.encode()).hexdigest())
    target = fetch_split(tmp_path, server.url)
    assert json.loads(target.read_text()) == {"train": [1, 3], "val": [4], "test": [2]}
    asked = len(server.asked)
    fetch_split(tmp_path, server.url)
    assert len(server.asked) == asked


def test_cache_folder(monkeypatch):
    monkeypatch.delenv("ACCELNAS_CACHE", raising=False)
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert cache_folder() == Path("/cache/accelnas")
    monkeypatch.setenv("ACCELNAS_CACHE", "/mine")
    assert cache_folder() == Path("/mine")
