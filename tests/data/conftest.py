"""A publisher in miniature: tiny files in the publishers' formats, and a server on this machine that hands them out."""

from __future__ import annotations

import gzip
import hashlib
import struct
import threading
import time
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from course_utils.data import cifar, idx


def idx_bytes(values: np.ndarray) -> bytes:
    """A uint8 array in the IDX format."""
    return bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def mnist_files(count: int = 60, seed: int = 0) -> dict[str, bytes]:
    """The four files of a tiny MNIST, decompressed. The label is written into the picture: pixel (0, 0)."""
    rng = np.random.default_rng(seed)
    files = {}
    for stem in ("train", "t10k"):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        images[:, 0, 0] = labels * 20
        files[f"{stem}-images-idx3-ubyte"] = idx_bytes(images)
        files[f"{stem}-labels-idx1-ubyte"] = idx_bytes(labels)
    return files


def cifar_batch(count: int = 20, seed: int = 0) -> bytes:
    """Records of CIFAR-10: red is 10 times the label, green 100, blue 200."""
    labels = np.random.default_rng(seed).integers(0, 10, count).astype(np.uint8)
    planes = [np.repeat(labels[:, None] * 10, 1024, 1)]
    planes += [np.full((count, 1024), level, dtype=np.uint8) for level in (100, 200)]
    return np.concatenate([labels[:, None], *planes], axis=1).astype(np.uint8).tobytes()


class Publisher:
    """Serves `files` (path -> bytes). `cut` halves what it sends, `pause` is seconds before the second half."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.cut = False
        self.pause = 0.0
        self.half_sent = threading.Event()
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked[self.path] += 1
                body = publisher.files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body[: len(body) // 2])
                    self.wfile.flush()
                    publisher.half_sent.set()
                    time.sleep(publisher.pause)
                    if not publisher.cut:
                        self.wfile.write(body[len(body) // 2 :])
                except OSError:
                    pass  # the client went away, which some tests want

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, both of data to be read and the person's own."""
    path = tmp_path / "data"
    path.mkdir()
    monkeypatch.setenv("COURSE_DATA_DIR", str(path))
    monkeypatch.setenv("COURSE_OWN_DIR", str(path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return path


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch, folder: Path):
    """A publisher of a tiny MNIST (checksums of decompressed bytes) and Fashion-MNIST (of gzip files)."""
    server = Publisher()
    plain = mnist_files()
    packed = {name: gzip.compress(raw) for name, raw in plain.items()}
    server.files = {f"/{name}.gz": raw for name, raw in packed.items()}
    sha = {name: "sha256:" + hashlib.sha256(raw).hexdigest() for name, raw in plain.items()}
    md5 = {name: "md5:" + hashlib.md5(raw, usedforsecurity=False).hexdigest() for name, raw in packed.items()}
    for name, checksums in (("mnist", sha), ("fashion_mnist", md5)):
        here = replace(idx.PUBLISHED[name], bases=(server.url,), checksums=checksums)
        monkeypatch.setitem(idx.PUBLISHED, name, here)
    monkeypatch.setattr(cifar, "URLS", [server.url + cifar.ARCHIVE])
    yield server
    server.server.shutdown()
    server.server.server_close()
