import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from stylegans.errors import MissingFile, UserError
from stylegans.files.cache import cache_folder
from stylegans.metrics.features import published
from stylegans.metrics.features.published import Published, find

CONTENT = bytes(range(256)) * 20_000


class Site(BaseHTTPRequestHandler):
    """Answers by the path it is asked for; counts what it was asked."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/gone":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unstated":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if self.path == "/short" else CONTENT)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLEGANS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    Site.asked = []
    return cache_folder("weights")


@pytest.fixture
def weights(address: str) -> Published:
    return Published(
        "net", "net.pth", f"{address}/good", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "the Net of 1999"
    )


def fails(weights: Published, reason: str, cache: Path) -> str:
    with pytest.raises(MissingFile) as caught:
        find(weights, needed_by="fid50k_full", offline="fd_mobilenet")
    line = str(caught.value)
    assert "\n" not in line
    for words in ("fid50k_full: ", weights.what, weights.url, reason, "--features FILE", "fd_mobilenet can be had off"):
        assert words in line
    assert not cache.exists() or not list(cache.iterdir())  # nothing of it is left
    return line


def test_a_file_is_downloaded_once_and_then_taken_from_the_cache(weights: Published, cache: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = find(weights, needed_by="fid50k", progress=lambda done, total: told.append((done, total)))
    assert path == cache / "net.pth"
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert find(weights, needed_by="fid50k") == path
    assert Site.asked == ["/good"]
    assert [file.name for file in cache.iterdir()] == ["net.pth"]


@pytest.mark.parametrize("path", ["/good", "/unstated"])
def test_a_hash_may_be_known_in_part_or_not_at_all_and_the_size_unknown(weights: Published, path: str) -> None:
    url = weights.url.replace("/good", path)
    for file, sha256 in (("a", weights.sha256[:8]), ("b", "")):
        assert find(replace(weights, file=file, url=url, sha256=sha256, size=None), needed_by="x").stat().st_size


def test_another_file_is_not_kept(weights: Published, cache: Path) -> None:
    fails(replace(weights, sha256="0" * 64), "another file came: its sha256 is", cache)


def test_a_page_that_is_gone_is_one_line(weights: Published, cache: Path) -> None:
    fails(replace(weights, url=weights.url.replace("good", "gone")), "HTTP Error 404: Not Found", cache)


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_download_cut_short_is_not_kept(size: int | None, weights: Published, cache: Path) -> None:
    short = replace(weights, url=weights.url.replace("good", "short"), size=size, sha256="")
    fails(short, f"cut short: {len(CONTENT) // 2} of {len(CONTENT)} bytes came", cache)


def test_a_download_that_does_not_end_is_stopped(weights: Published, cache: Path) -> None:
    fails(replace(weights, size=1000), "more came than the file has", cache)


def test_an_address_that_cannot_be_reached_is_one_line(weights: Published, cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        fails(replace(weights, url=f"http://127.0.0.1:{port}/x"), "refused", cache)
    fails(replace(weights, url="http://nowhere.invalid/x"), "urlopen error", cache)


def test_a_server_that_says_nothing_is_not_waited_for(
    weights: Published, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        fails(replace(weights, url=f"http://127.0.0.1:{deaf.getsockname()[1]}/x"), "timed out", cache)


def test_a_wrong_file_in_the_cache_is_refused_by_name_and_left_there(weights: Published, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "net.pth").write_bytes(b"something else")
    with pytest.raises(UserError, match=r"net\.pth: not the published weights of the Net of 1999 .*; delete it"):
        find(weights, needed_by="fid50k")
    assert (cache / "net.pth").exists()
    assert Site.asked == []


def test_without_a_counterpart_the_message_says_what_works_offline(weights: Published) -> None:
    with pytest.raises(MissingFile, match=r"fd_mobilenet, and other metrics with 'mobilenet' or 'alex'"):
        find(replace(weights, sha256="0"), needed_by="fd_dinov2")


def test_the_published_files_are_named_after_their_hashes() -> None:
    assert published.INCEPTION.sha256.startswith("6726825d")
    for one in (published.INCEPTION, published.VGG16):
        assert one.sha256[:8] in one.file
    for one in (published.INCEPTION, published.VGG16, published.DINOV2):
        assert one.url.endswith(f"/{one.file}")
        assert one.url.startswith("https://")
