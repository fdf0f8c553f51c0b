"""huggingface_hub's own client against a small server that answers as the Hub does, on this machine."""

import base64
import hashlib
import http.server
import importlib
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stylegans
from stylegans.config import Mapping, StyleGAN2
from stylegans.errors import MissingFile, RunFailed, UserError
from stylegans.files.model_file import write_model
from stylegans.files.tensors import read_header
from stylegans.interop import hub
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.push import push

library = pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # the library's own, of its uploads

TOKEN = "hf_of_ana"
LARGE = (".safetensors", ".pkl", ".pt", ".png")
"""What the Hub keeps as large files, which go another way."""


class Hub(http.server.ThreadingHTTPServer):
    """The Hub, as far as a model's repository is concerned. Whoever has ``TOKEN`` is the user 'ana'."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos = {}  # 'user/name' → branch → path → content
        self.private, self.gated, self.large, self.asked, self.commits = set(), set(), {}, [], []
        self.status = 200
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, repo, files, *, branch="main"):
        self.repos.setdefault(repo, {"main": {}})[branch] = dict(files)

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, request, client_address):
        pass  # a client that hangs up


def commit_of(files):
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send_response(self, *words):
        super().send_response(*words)
        self.send_header("Connection", "close")  # or a server that was stopped goes on answering

    def log_message(self, *words):
        pass

    def reply(self, status=200, content=None, **headers):
        body = content if isinstance(content, bytes) else json.dumps({} if content is None else content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message=""):
        self.reply(status, {"error": message or code}, X_Error_Code=code, X_Error_Message=message or code)

    def chunks(self):
        while self.headers.get("Transfer-Encoding") == "chunked":
            size = int(self.rfile.readline(), 16)
            yield self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return

    def answer(self):
        hub, path = self.server, self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"".join(self.chunks())
        hub.asked.append(f"{self.command} {path}")
        if hub.status != 200:
            return self.reply(hub.status)
        for pattern, method in ROUTES.items():
            found = re.fullmatch(pattern, f"{self.command} {path}")
            if found:
                return method(self, *map(unquote, found.groups()), body=body)
        return self.refuse(404, "NoSuchPage")

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815  # the library's names

    @property
    def is_ana(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def branches(self, repo):
        """What the caller may see of the repository; None: nothing, and it was told so."""
        if "Authorization" in self.headers and not self.is_ana:
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif repo not in self.server.repos or (repo in self.server.private and not self.is_ana):
            self.refuse(404 if self.is_ana else 401, "RepoNotFound", "Repository not found")
        elif repo in self.server.gated:
            self.refuse(403, "GatedRepo", "Access is restricted")
        else:
            return self.server.repos[repo]
        return None

    def files(self, repo, revision):
        branches = self.branches(repo)
        if branches is None:
            return None
        found = [files for name, files in branches.items() if revision in (name, commit_of(files))]
        if not found:
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
        return found[0] if found else None

    def info(self, repo, revision="main", *, body):
        files = self.files(repo, revision)
        if files is not None:
            siblings = [{"rfilename": name} for name in files]
            private = repo in self.server.private
            self.reply(200, {"id": repo, "sha": commit_of(files), "private": private, "siblings": siblings})

    def resolve(self, repo, revision, name, *, body):
        files = self.files(repo, revision)
        if files is None:
            return
        headers = {"X_Repo_Commit": commit_of(files)}
        if name not in files:
            self.refuse(404, "EntryNotFound")
        elif name.endswith(LARGE):
            sha256 = hashlib.sha256(files[name]).hexdigest()
            self.server.large[sha256] = files[name]
            headers |= {"X_Linked_Etag": f'"{sha256}"', "X_Linked_Size": len(files[name])}
            elsewhere = f"http://localhost:{self.server.server_port}"  # as from a network of caches
            self.reply(302, b"", Location=f"{elsewhere}/large/{sha256}", **headers)
        else:
            etag = hashlib.sha1(files[name]).hexdigest()
            self.reply(200, files[name], ETag=f'"{etag}"', **headers)

    def give_large(self, sha256, *, body):
        self.reply(200, self.server.large[sha256], ETag=f'"{sha256}"')

    def take_large(self, sha256, *, body):
        assert hashlib.sha256(body).hexdigest() == sha256
        self.server.large[sha256] = body
        self.reply()

    def create(self, *, body):
        asked = json.loads(body)
        repo = f"{asked['organization']}/{asked['name']}"
        if not self.is_ana:
            self.refuse(401, "", "Invalid username or password.")
        elif repo in self.server.repos:
            self.reply(409, {"error": "You already created this model repo", "url": f"{self.server.address}/{repo}"})
        elif asked["organization"] != "ana":
            self.refuse(403, "", f"You don't have the rights to create a model under the namespace {repo}")
        else:
            self.server.put(repo, {".gitattributes": b""})
            if asked.get("private") or asked.get("visibility") == "private":
                self.server.private.add(repo)
            self.reply(200, {"url": f"{self.server.address}/{repo}"})

    def branch(self, repo, name, *, body):
        branches = self.branches(repo)
        if branches is None:
            return
        if name in branches:
            self.refuse(409, "", "Reference already exists")
        else:
            branches[name] = dict(branches["main"])
            self.reply()

    def validate(self, *, body):
        self.reply(200, {"errors": [], "warnings": []})

    def preupload(self, repo, revision, *, body):
        if self.files(repo, revision) is not None:
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = ["lfs" if name.endswith(LARGE) else "regular" for name in names]
            entries = zip(names, modes, strict=True)
            self.reply(200, {"files": [{"path": n, "uploadMode": m, "shouldIgnore": False} for n, m in entries]})

    def batch(self, repo, *, body):
        objects = [
            entry | {"actions": {"upload": {"href": f"{self.server.address}/large/{entry['oid']}"}}}
            for entry in json.loads(body)["objects"]
        ]
        self.reply(200, {"transfer": "basic", "objects": objects})

    def commit(self, repo, revision, *, body):
        files = self.files(repo, revision)
        if files is None:
            return
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                self.server.commits.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                assert line["key"] == "lfsFile"
                files[value["path"]] = self.server.large[value["oid"]]
        oid = commit_of(files)
        self.reply(200, {"commitUrl": f"{self.server.address}/{repo}/commit/{oid}", "commitOid": oid})


REPO = "([^/]+/[^/]+)"
ROUTES = {
    f"GET /api/models/{REPO}": Handler.info,
    f"GET /api/models/{REPO}/revision/([^/]+)": Handler.info,
    f"(?:HEAD|GET) /{REPO}/resolve/([^/]+)/(.+)": Handler.resolve,
    "(?:HEAD|GET) /large/(.+)": Handler.give_large,
    "PUT /large/(.+)": Handler.take_large,
    "POST /api/repos/create": Handler.create,
    f"POST /api/models/{REPO}/branch/([^/]+)": Handler.branch,
    "POST /api/validate-yaml": Handler.validate,
    f"POST /api/models/{REPO}/preupload/([^/]+)": Handler.preupload,
    f"POST /{REPO}\\.git/info/lfs/objects/batch": Handler.batch,
    f"POST /api/models/{REPO}/commit/([^/]+)": Handler.commit,
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A machine without the Hub's cache and login; what was looked up a moment ago is forgotten."""
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hub, "FRESH", 0.0)
    return tmp_path


@pytest.fixture
def server(monkeypatch):
    server = Hub()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    yield server
    if server.thread.is_alive():
        server.stop()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small model file."""
    torch.manual_seed(0)
    config = StyleGAN2(mapping=Mapping(z_dim=8, w_dim=8, num_layers=1), resolution=(8, 8), channel_base=64)
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    parts = {"generator_ema": (config, StyleGAN2Generator(config).state_dict())}
    write_model(path, parts, family="stylegan2", data="dots", images=2000)
    return path


def told(error):
    """The one line of a refusal."""
    assert "\n" not in str(error.value)
    return str(error.value)


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "repo", "revision", "file"),
    [
        ("hf://ana/cats", "ana/cats", None, ""),
        ("hf:/ana/cats", "ana/cats", None, ""),  # what pathlib makes of it
        ("hf://ana/cats/", "ana/cats", None, ""),
        ("hf://models/ana/cats", "ana/cats", None, ""),
        ("hf://ana/cats@v1.0", "ana/cats", "v1.0", ""),
        ("hf://ana/cats@refs/pr/3", "ana/cats", "refs/pr/3", ""),
        ("hf://ana/cats@a%2Fb/x/y.pkl", "ana/cats", "a/b", "x/y.pkl"),
        ("hf://ana/cats/deep/er/G.pt", "ana/cats", None, "deep/er/G.pt"),
        ("hf://a.b_c-d/0@e/with space.pkl", "a.b_c-d/0", "e", "with space.pkl"),
    ],
)
def test_an_address_is_repository_revision_and_file(text, repo, revision, file):
    assert hub.is_address(text)
    assert hub.is_address(Path(text))
    address = hub.parse(text)
    assert (address.repo, address.revision, address.file) == (repo, revision, file)
    assert hub.parse(Path(text)) == address
    assert hub.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hf://", "write hf://user/repo"),
        ("hf://cats", "write hf://user/repo"),
        ("hf://ana/", "write hf://user/repo"),
        ("hf://ana/cats@", "write hf://user/repo"),
        ("hf://datasets/ana/cats", "not the address of a model"),
        ("hf://an a/cats", "'an a' is no name"),
        ("hf://ana/ca--ts", "'ca--ts' is no name"),
        ("hf://ana/cats.git", "no name"),
        ("hf://../cats", "no name"),
        ("hf://ana/cats@-f", "'-f' is no branch"),
        ("hf://ana/cats@a..b", "no branch"),
        ("hf://ana/cats/../../x.pkl", "no path in a repository"),
        ("hf://ana/cats//x.pkl", "no path in a repository"),
        ("hf://ana/cats/a\\..\\x.pkl", "no path in a repository"),
        ("hf://ana/cats/x\n.pkl", "cannot be printed"),
        ("hf://ana/cats/README.md", "a model's file ends in .safetensors"),
        (f"hf://ana/{'c' * 95}", "96"),
    ],
)
def test_a_bad_address_is_refused_before_anything_is_asked(text, why, server):
    with pytest.raises(UserError, match=why) as error:
        hub.fetch(text)
    told(error)
    assert not server.asked


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("hf:/@%.-_aZ9 \n\\é", max_size=30))
def test_any_text_is_an_address_or_one_line(text):
    refusal = None
    try:
        address = hub.parse(f"hf://{text}")
    except UserError as error:
        refusal = str(error)
    assert "\n" not in refusal if refusal else hub.parse(str(address)) == address


def test_without_the_library_the_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"hf://ana/cats: needs huggingface_hub: pip install 'stylegans\[hub\]'"):
        stylegans.load("hf://ana/cats")


# --- download ---------------------------------------------------------------------------------------------------------


def test_a_repository_is_loaded_like_a_file(server, model):
    server.put("ana/cats", {"README.md": b"#", "model.safetensors": model.read_bytes(), "old.pkl": b"x"})
    for address in ("hf://ana/cats", Path("hf://ana/cats")):
        z = torch.ones(1, 8)
        assert torch.equal(stylegans.load(address)(z), stylegans.load(model)(z))
    downloads = [line for line in server.asked if "GET /large/" in line]
    assert len(downloads) == 1  # the cache has it the second time


def test_the_only_model_in_a_repository_is_meant_and_several_are_listed(server):
    server.put("ana/one", {"README.md": b"#", "weights/G.pkl": b"one"})
    assert hub.fetch("hf://ana/one").read_bytes() == b"one"
    server.put("ana/two", {"a.pkl": b"a", "b/c.pt": b"c"})
    with pytest.raises(
        UserError, match=r"hf://ana/two: which model\? Add one of a\.pkl, b/c\.pt, as in hf://ana/two/a"
    ):
        hub.fetch("hf://ana/two")
    assert hub.fetch("hf://ana/two/b/c.pt").read_bytes() == b"c"
    server.put("ana/none", {"README.md": b"#"})
    with pytest.raises(MissingFile, match="hf://ana/none: no model files"):
        hub.fetch("hf://ana/none")
    with pytest.raises(MissingFile, match=r"hf://ana/two/d\.pkl: no such file; hf://ana/two has a\.pkl, b/c\.pt"):
        hub.fetch("hf://ana/two/d.pkl")


def test_a_revision_is_a_branch_or_a_commit(server):
    server.put("ana/cats", {"model.safetensors": b"new"})
    server.put("ana/cats", {"model.safetensors": b"old"}, branch="v1")
    server.put("ana/cats", {"model.safetensors": b"x"}, branch="feature/x")
    commit = commit_of({"model.safetensors": b"old"})
    assert hub.fetch("hf://ana/cats").read_bytes() == b"new"
    assert hub.fetch("hf://ana/cats@v1").read_bytes() == b"old"
    assert hub.fetch(f"hf://ana/cats@{commit}").read_bytes() == b"old"
    assert hub.fetch("hf://ana/cats@feature%2Fx").read_bytes() == b"x"
    with pytest.raises(MissingFile, match="hf://ana/cats: no branch, tag or commit 'v2'"):
        hub.fetch("hf://ana/cats@v2")


def test_what_changed_on_the_hub_is_downloaded_again(server, monkeypatch):
    server.put("ana/cats", {"model.safetensors": b"first"})
    assert hub.fetch("hf://ana/cats").read_bytes() == b"first"
    server.put("ana/cats", {"model.safetensors": b"second"})
    assert hub.fetch("hf://ana/cats").read_bytes() == b"second"
    monkeypatch.setattr(hub, "FRESH", 60.0)
    asked = len(server.asked)
    assert hub.fetch("hf://ana/cats").read_bytes() == b"second"
    assert len(server.asked) == asked  # one command asks once


def test_missing_and_private_repositories_say_to_log_in(server, monkeypatch):
    server.put("ana/secret", {"model.safetensors": b"x"})
    server.private.add("ana/secret")
    for address in ("hf://ana/secret", "hf://ana/nothing"):
        with pytest.raises(MissingFile, match=f"{address}: no such repository, or a private one; .*`hf auth login`"):
            hub.fetch(address)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert hub.fetch("hf://ana/secret").read_bytes() == b"x"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UserError, match="hf://ana/secret: the Hub refuses this login; run `hf auth login`") as error:
        hub.fetch("hf://ana/secret")
    told(error)


def test_a_gated_repository_says_where_to_ask(server):
    server.put("ana/gated", {"model.safetensors": b"x"})
    server.gated.add("ana/gated")
    with pytest.raises(MissingFile, match=f"access on request; ask at {server.address}/ana/gated"):
        hub.fetch("hf://ana/gated")


@pytest.mark.parametrize("outage", ["stopped", "broken", "elsewhere", "offline"])
def test_without_the_hub_the_last_download_serves(server, monkeypatch, outage):
    server.put("ana/cats", {"weights/G.pkl": b"x"})
    server.put("ana/two", {"a.pkl": b"a", "b.pkl": b"b"})
    assert hub.fetch("hf://ana/cats").read_bytes() == hub.fetch("hf://ana/cats/weights/G.pkl").read_bytes() == b"x"
    if outage == "stopped":
        server.stop()
    elif outage == "broken":
        server.status = 503
    elif outage == "elsewhere":  # somebody answers who is not the Hub
        server.status = 404
    else:
        monkeypatch.setattr(library.constants, "HF_HUB_OFFLINE", True)
    for address in ("hf://ana/cats", "hf://ana/cats@main/weights/G.pkl"):
        if outage == "offline":  # as the user wished
            assert hub.fetch(address).read_bytes() == b"x"
        else:
            with pytest.warns(UserWarning, match="the Hub cannot be reached .*; using the last download"):
                assert hub.fetch(address).read_bytes() == b"x"
    why = "HF_HUB_OFFLINE is set; unset it" if outage == "offline" else "cannot be reached and it was never downloaded"
    for address in ("hf://ana/other", "hf://ana/cats@v1", "hf://ana/cats/other.pkl", "hf://ana/two/b.pkl"):
        with pytest.raises(UserError, match=why) as error:
            hub.fetch(address)
        assert told(error).startswith(f"{address}: ")


def test_a_cache_that_cannot_be_written_is_named(server, home):
    (home / "cache").write_text("a file")
    server.put("ana/cats", {"model.safetensors": b"x"})
    with pytest.raises(UserError) as error:
        hub.fetch("hf://ana/cats")
    assert "hf://ana/cats: " in told(error)


def test_the_environment_says_where_the_hub_and_its_cache_are(server, model, home):
    server.put("ana/cats", {"model.safetensors": model.read_bytes()})
    environment = os.environ | {"HF_HOME": str(home / "home"), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-W", "error", "-m", "stylegans", "info", "hf://ana/cats"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert hashlib.sha256(model.read_bytes()).hexdigest() in done.stdout
    assert not done.stderr
    assert list((home / "home/hub/models--ana--cats").rglob("model.safetensors"))
    server.stop()
    environment |= {"HF_HUB_OFFLINE": "1"}
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == done.stdout


# --- upload -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def login(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def test_what_is_pushed_loads_again_bit_for_bit(server, login, model):
    assert push(model, "hf://ana/cats", seeds=range(4)) == f"{server.address}/ana/cats"
    files = server.repos["ana/cats"]["main"]
    names = {"README.md", "config.json", "model.safetensors", "samples.png", "style-mixing.png"}
    assert set(files) == {".gitattributes"} | names
    assert server.commits == ["Upload cats with stylegans"]
    assert "ana/cats" not in server.private
    z = torch.ones(1, 8)
    assert torch.equal(stylegans.load("hf://ana/cats")(z), stylegans.load(model)(z))
    assert read_header(hub.fetch("hf://ana/cats")).metadata == read_header(model).metadata


def test_a_second_push_is_a_second_commit_and_a_branch_is_made(server, login, model):
    push(model, "hf://ana/cats", seeds=[1], message="first")
    page = push(model, "hf://ana/cats", seeds=[1], revision="more/v2", message="second", licence="mit")
    assert page == f"{server.address}/ana/cats/tree/more%2Fv2"
    assert server.commits == ["first", "second"]
    branches = server.repos["ana/cats"]
    assert b"license: " not in branches["main"]["README.md"]
    assert b'license: "mit"' in branches["more/v2"]["README.md"]
    assert b"hf://ana/cats@more%2Fv2" in branches["more/v2"]["README.md"]


def test_a_private_model_never_lands_in_a_public_repository(server, login, model):
    push(model, "hf://ana/secret", private=True, seeds=[1])
    assert server.private == {"ana/secret"}
    server.put("ana/open", {})
    with pytest.raises(UserError, match="--private: hf://ana/open is public already"):
        push(model, "hf://ana/open", private=True, seeds=[1])
    assert server.repos["ana/open"]["main"] == {}


def test_where_this_login_may_not_write_nothing_is_written(server, login, model, monkeypatch):
    with pytest.raises(UserError, match=r"hf://bob/cats: this login may not write there; .*`hf auth login`") as error:
        push(model, "hf://bob/cats", seeds=[1])
    told(error)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UserError, match="hf://ana/cats: this login may not write there"):
        push(model, "hf://ana/cats", seeds=[1])
    assert not server.commits
    assert not server.repos


def test_what_can_be_known_beforehand_is_refused_before_anything_is_asked(server, model, monkeypatch, tmp_path):
    with pytest.raises(UserError, match="hf://ana/cats: not logged in to the Hub; run `hf auth login`"):
        push(model, "hf://ana/cats")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for repo, why in {
        "ana/cats": "REPO: 'ana/cats' is no address on the Hub; write hf://user/repo",
        "hf://cats": "write hf://user/repo",
        "hf://ana/cats/model.safetensors": "pushed to a repository, not to a file; write hf://ana/cats",
        "hf://ana/cats@v1": "--revision: v2, but the address says v1",
    }.items():
        with pytest.raises(UserError, match=re.escape(why)):
            push(model, repo, revision="v2" if "@" in repo else None)
    with pytest.raises(MissingFile, match="nowhere"):
        push(tmp_path / "nowhere", "hf://ana/cats")
    monkeypatch.setattr(library.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set; unset it to push"):
        push(model, "hf://ana/cats")
    assert not server.asked


def test_an_upload_that_breaks_off_says_so(server, login, model):
    server.stop()
    with pytest.raises(
        RunFailed, match=r"hf://ana/cats: the Hub cannot be reached; .*; nothing was committed"
    ) as error:
        push(model, "hf://ana/cats", seeds=[1])
    told(error)
