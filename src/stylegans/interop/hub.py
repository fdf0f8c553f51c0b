"""The Hugging Face Hub: ``hf://user/repo`` as a file on this machine, and a folder as a repository.

``huggingface_hub`` does the talking, so its cache (``HF_HOME``), its login (``hf auth login``, ``HF_TOKEN``) and its
``HF_HUB_OFFLINE`` hold. Nothing in a repository is run. torch is not imported here.
"""

import errno
import importlib
import json
import os
import re
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any
from urllib.parse import quote, unquote

from stylegans.errors import MissingFile, RunFailed, UserError
from stylegans.files.model_path import ON_THE_HUB

MODEL_FILES = (".safetensors", ".pkl", ".pickle", ".pt", ".pth", ".ckpt")
"""What model files are called."""

OTHER_KINDS = ("datasets", "spaces", "kernels", "buckets")
"""Kinds of repositories that hold no models; an address begins with them where it means one."""

NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
"""Of a user or a repository."""

SPECIAL = re.compile(r"refs/(?:pr/\d+|convert/[\w.-]+)", re.ASCII)
"""Revisions with a '/' that is not written '%2F'."""

SHAPE = re.compile(
    rf"(?:models/)?(?P<user>[^/@]+)/(?P<name>[^/@]+)(?:@(?P<revision>{SPECIAL.pattern}|[^/@]+))?(?:/(?P<file>.*))?"
)

FRESH = 60.0
"""Seconds for which an address that was looked up means the same file: one command looks several times."""

_found: dict[str, tuple[float, Path]] = {}


@dataclass(frozen=True)
class Address:
    """What ``hf://user/repo@revision/file`` says."""

    repo: str
    """user/repo"""
    revision: str | None = None
    """A branch, a tag or a commit; None: the main branch."""
    file: str = ""
    """Path in the repository; empty: not said."""

    def __str__(self) -> str:
        revision = self.revision or ""
        if not SPECIAL.fullmatch(revision):
            revision = revision.replace("/", "%2F")
        return f"hf://{self.repo}" + f"@{revision}" * bool(revision) + f"/{self.file}" * bool(self.file)


def is_address(path: str | Path) -> bool:
    """Whether it begins with ``hf://``, or is what ``pathlib`` makes of that."""
    text = path.as_posix() if isinstance(path, PurePath) else path
    return text.startswith("hf:/")


def parse(path: str | Path) -> Address:
    """``hf://user/repo[@revision][/path/in/repo.safetensors]``, taken apart.

    The grammar is that of huggingface_hub; a ``/`` in a branch's name is written ``%2F``.

    Raises:
        UserError: it is another kind of address, or names no model file.
    """
    text = re.sub(r"^hf:/{1,2}", "", path.as_posix() if isinstance(path, PurePath) else path)
    if not text.isprintable():
        raise UserError(f"{f'hf://{text}'!a}: not an address; it holds characters that cannot be printed")
    said = SHAPE.fullmatch(text)
    if text.partition("/")[0] in OTHER_KINDS:
        raise UserError(f"hf://{text}: not the address of a model; write hf://user/repo")
    if said is None:
        raise UserError(
            f"hf://{text}: write hf://user/repo, hf://user/repo@revision or hf://user/repo/path/to/file.pkl"
        )
    for name in (said["user"], said["name"]):
        if not NAME.fullmatch(name) or "--" in name or ".." in name or name.endswith(".git"):
            raise UserError(
                f"hf://{text}: '{name}' is no name on the Hub; letters, digits and single '-', '_' and '.' make one"
            )
    address = Address(f"{said['user']}/{said['name']}", unquote(said["revision"] or "") or None, said["file"] or "")
    if len(address.repo) > 96:
        raise UserError(f"hf://{text}: names on the Hub have at most 96 characters")
    if address.revision is not None:
        address = on_branch(address, address.revision)
    if address.file:
        if {"", ".", ".."} & set(address.file.split("/")) or "\\" in address.file:
            raise UserError(f"hf://{text}: '{address.file}' is no path in a repository")
        if not address.file.endswith(MODEL_FILES):
            raise UserError(f"hf://{text}: a model's file ends in {', '.join(MODEL_FILES[:-1])} or {MODEL_FILES[-1]}")
    return address


def on_branch(address: Address, revision: str) -> Address:
    """The same at another revision.

    Raises:
        UserError: it can be no branch, tag or commit.
    """
    if (
        not re.fullmatch(r"\w[\w./-]*", revision, re.ASCII)
        or ".." in revision
        or "//" in revision
        or revision.endswith("/")
    ):
        raise UserError(f"{address}: '{revision}' is no branch, tag or commit")
    return replace(address, revision=revision)


# --- download ---------------------------------------------------------------------------------------------------------


def fetch(path: str | Path) -> Path:
    """The model file that an address means, in the cache of huggingface_hub, downloaded if it is not there yet.

    An address without a file means ``model.safetensors``, or else the only model file in the repository. Where the Hub
    cannot be reached the file of the last download is taken, and of an address without a file what was downloaded then.

    Raises:
        MissingFile: there is no such repository, revision or file, or none that this login may see.
        UserError: a bad address; several model files to choose from; no huggingface_hub; or the Hub cannot be reached
            and the file was never downloaded.

    Warns:
        UserWarning: the Hub cannot be reached, and the file is that of the last download.
    """
    address = parse(path)
    looked, file = _found.get(str(address), (-FRESH, Path()))
    if time.monotonic() - looked >= FRESH or not file.is_file():
        hub = library(str(address))
        try:
            names = _names(hub, address)
        except Exception as error:  # what a broken connection raises is the business of the library below the library
            if not _is_outage(hub, error):
                raise _refusal(hub, error, address) from None
            file = _cached(hub, address, error)
        else:
            file = _downloaded(hub, address, _choose(address, names))
        _found[str(address)] = time.monotonic(), file
    return file


def library(what: str) -> ModuleType:
    """huggingface_hub.

    Raises:
        UserError: it is not installed; ``what`` needs it.
    """
    try:
        hub = importlib.import_module("huggingface_hub")
        for part in ("constants", "errors"):
            importlib.import_module(f"huggingface_hub.{part}")
    except ImportError:
        raise UserError(f"{what}: needs huggingface_hub: pip install 'stylegans[hub]'") from None
    return hub


def _names(hub: ModuleType, address: Address) -> list[str]:
    """The files of the repository."""
    timeout = hub.constants.HF_HUB_ETAG_TIMEOUT
    info = _api(hub).model_info(address.repo, revision=address.revision, timeout=timeout)
    return [entry.rfilename for entry in info.siblings or ()]


def _choose(address: Address, names: Iterable[str]) -> str:
    """The file that is meant, of those there are."""
    there = sorted(name for name in names if name.endswith(MODEL_FILES))
    if address.file:
        if address.file not in there:
            raise MissingFile(f"{address}: no such file; hf://{address.repo} has {_listed(there)}")
        return address.file
    if ON_THE_HUB in there:
        return ON_THE_HUB
    if len(there) == 1:
        return there[0]
    if not there:
        raise MissingFile(f"{address}: no model files ({', '.join(MODEL_FILES)}) in this repository")
    raise UserError(f"{address}: which model? Add one of {_listed(there)}, as in {address}/{there[0]}")


def _listed(names: list[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most) or "no model files"


def _downloaded(hub: ModuleType, address: Address, name: str) -> Path:
    try:
        return Path(
            hub.hf_hub_download(
                address.repo,
                name,
                revision=address.revision,
                endpoint=_endpoint(),
                library_name="stylegans",
                library_version=version("stylegans"),
            )
        )
    except Exception as error:
        raise _refusal(hub, error, address) from None


def _cached(hub: ModuleType, address: Address, outage: Exception) -> Path:
    """The file of the last download."""
    try:
        folder = Path(hub.snapshot_download(address.repo, revision=address.revision, local_files_only=True))
    except hub.errors.LocalEntryNotFoundError as error:
        folder = Path(getattr(error, "snapshot_path", ""))  # of a download of the whole repository that broke off
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*")] if folder.name else []
    if not any(name == address.file if address.file else name.endswith(MODEL_FILES) for name in names):
        raise _refusal(hub, outage, address) from None
    name = _choose(address, names)
    if not hub.constants.HF_HUB_OFFLINE:
        warnings.warn(f"{address}: the Hub cannot be reached ({_line(outage)}); using the last download", stacklevel=3)
    return folder / name


# --- upload -----------------------------------------------------------------------------------------------------------


def destination(repo: str, revision: str | None = None) -> Address:
    """Where ``hf://user/repo[@branch]`` and --revision lead.

    Raises:
        UserError: it is no address of a repository, or they name two branches.
    """
    if not is_address(repo):
        raise UserError(f"REPO: '{repo}' is no address on the Hub; write hf://user/repo")
    address = parse(repo)
    if address.file:
        raise UserError(f"{address}: a model is pushed to a repository, not to a file; write hf://{address.repo}")
    if revision is None or revision == address.revision:
        return address
    if address.revision is not None:
        raise UserError(f"--revision: {revision}, but the address says {address.revision}; leave one out")
    return on_branch(address, revision)


def check_upload(address: Address) -> None:
    """Find before anything is prepared whether an upload can succeed, as far as this machine knows.

    Raises:
        UserError: no huggingface_hub, no login, or it is told to stay offline.
    """
    hub = library(str(address))
    if hub.constants.HF_HUB_OFFLINE:
        raise UserError(f"{address}: HF_HUB_OFFLINE is set; unset it to push")
    try:
        token = hub.get_token()
    except Exception as error:  # a login that has run out, in a CI's way
        raise UserError(f"{address}: not logged in ({_line(error)}); run `hf auth login`") from None
    if not token:
        raise UserError(f"{address}: not logged in to the Hub; run `hf auth login`, or set HF_TOKEN")


def upload(folder: Path, address: Address, *, private: bool, message: str) -> str:
    """Commit the files of ``folder`` to a repository, which is made if there is none; the address of its page.

    Files that are there already under other names stay. The branch ``address.revision`` is made if there is none.

    Raises:
        UserError: this login may not do it; or the repository is there and public where a private one is wanted.
        RunFailed: the connection broke, or the Hub refuses the files; nothing was committed.
    """
    hub = library(str(address))
    api = _api(hub)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    try:
        # None leaves it to the settings of the user or the organisation
        api.create_repo(address.repo, private=private or None, exist_ok=True)
        if private and not api.model_info(address.repo).private:
            raise UserError(
                f"--private: hf://{address.repo} is public already; "
                f"make it private in its settings on the Hub, or choose another name"
            )
        if address.revision and not address.revision.startswith("refs/"):
            api.create_branch(address.repo, branch=address.revision, exist_ok=True)
        add = hub.CommitOperationAdd
        operations = [add(path_in_repo=file.relative_to(folder).as_posix(), path_or_fileobj=file) for file in files]
        api.create_commit(address.repo, operations, commit_message=message, revision=address.revision)
    except UserError:
        raise
    except Exception as outer:
        inner = outer.__cause__ if isinstance(outer, RuntimeError) else None  # of one file's upload
        error = inner if isinstance(inner, Exception) else outer
        refusal = _refusal(hub, error, address, writing=True)
        known = isinstance(error, hub.errors.RepositoryNotFoundError) or _status(error) in (401, 403)
        raise refusal if known else RunFailed(f"{refusal}; nothing was committed, so push again") from None
    page = f"{_endpoint() or hub.constants.ENDPOINT}/{address.repo}"
    return f"{page}/tree/{quote(address.revision, safe='')}" if address.revision else page


# --- what went wrong --------------------------------------------------------------------------------------------------


def _api(hub: ModuleType) -> Any:
    return hub.HfApi(endpoint=_endpoint(), library_name="stylegans", library_version=version("stylegans"))


def _endpoint() -> str | None:
    """Another Hub than the public one, as the environment says now; the library asks only when it is imported."""
    return (os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None


def _status(error: Exception) -> int:
    """The Hub's answer as a number; 0: there was none."""
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _is_outage(hub: ModuleType, error: Exception) -> bool:
    """Whether the Hub gave no answer, or one that will be another one later."""
    errors = hub.errors
    if isinstance(error, errors.EntryNotFoundError | errors.RepositoryNotFoundError | errors.RevisionNotFoundError):
        return isinstance(error, errors.LocalEntryNotFoundError)
    if isinstance(error, ValueError):  # a name or a card that the library or the Hub finds wrong
        return isinstance(error, json.JSONDecodeError)  # somebody answered who is not the Hub
    status = _status(error)  # and a plain 404 is not the Hub's: it says what is not there
    return not _is_of_the_disk(error) and (status in (0, 404, 408, 429) or status >= 500)


def _is_of_the_disk(error: Exception) -> bool:
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
    return isinstance(error, OSError) and error.errno in numbers


def _refusal(hub: ModuleType, error: Exception, address: Address, *, writing: bool = False) -> UserError:
    """One line that says what is wrong and what to do."""
    errors, repo = hub.errors, f"hf://{address.repo}"
    if isinstance(error, UserError):
        return error
    if isinstance(error, errors.GatedRepoError):
        page = f"{_endpoint() or hub.constants.ENDPOINT}/{address.repo}"
        return MissingFile(f"{repo}: its owner gives access on request; ask at {page}, then run `hf auth login`")
    if isinstance(error, errors.RevisionNotFoundError):
        return MissingFile(f"{repo}: no branch, tag or commit '{address.revision or 'main'}' in this repository")
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return MissingFile(f"{address}: no such file in this repository")
    if writing and (_status(error) in (401, 403) or isinstance(error, errors.RepositoryNotFoundError)):
        return UserError(
            f"{repo}: this login may not write there; check the name, "
            f"or run `hf auth login` with a token that may ({_line(error)})"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return MissingFile(f"{repo}: no such repository, or a private one; check the name, or run `hf auth login`")
    if _status(error) in (401, 403):
        return UserError(f"{repo}: the Hub refuses this login; run `hf auth login`, or renew HF_TOKEN ({_line(error)})")
    if _is_outage(hub, error):
        if hub.constants.HF_HUB_OFFLINE:
            return UserError(f"{address}: not downloaded yet, and HF_HUB_OFFLINE is set; unset it to download")
        never = "" if writing else " and it was never downloaded"
        return UserError(f"{address}: the Hub cannot be reached{never}; check the connection ({_line(error)})")
    if _is_of_the_disk(error):
        return UserError(f"{address}: cannot be kept in {hub.constants.HF_HUB_CACHE} ({error}); set HF_HOME to another")
    return UserError(f"{address}: the Hub refuses ({_line(error)})")


def _line(error: Exception) -> str:
    said = getattr(error, "server_message", None) or str(error)
    return " ".join(said.split())[:150] or type(error).__name__
