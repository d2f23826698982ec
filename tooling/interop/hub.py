"""Python's own hub client, for hub.test.ts: each command prints one JSON document.

    python hub.py version | snapshot REPO [REVISION] | file REPO FILE [REVISION] | tensors REPO FILE | errors REPO | scan
"""
import hashlib
import json
import os
import sys

import huggingface_hub
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def below(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            found[os.path.relpath(path, folder).replace(os.sep, "/")] = digest(path)
    return found


def main(command, *args):
    if command == "version":
        return {"huggingface_hub": huggingface_hub.__version__, "python": sys.version.split()[0]}
    if command == "snapshot":
        repo, revision = (*args, None)[:2]
        folder = snapshot_download(repo, revision=revision)
        return {"commit": os.path.basename(folder), "files": below(folder)}
    if command == "file":
        repo, file, revision = (*args, None)[:3]
        try:
            path = hf_hub_download(repo, file, revision=revision)
            return {"commit": path.split(os.sep)[-2], "sha256": digest(path), "link": os.path.islink(path)}
        except (HfHubHTTPError, LocalEntryNotFoundError) as error:
            return {"error": type(error).__name__}
    if command == "tensors":
        from safetensors import safe_open

        path = hf_hub_download(*args)
        with safe_open(path, "np") as file:
            return {name: file.get_tensor(name).ravel().tolist()[:8] for name in list(file.keys())[:8]}
    if command == "cached":
        found = try_to_load_from_cache(*args)
        return {"found": found if found is None or isinstance(found, str) else "no_exist"}
    if command == "scan":
        info = scan_cache_dir()
        return {
            "warnings": [str(warning) for warning in info.warnings],
            "repos": {
                repo.repo_id: {
                    "size": repo.size_on_disk,
                    "revisions": {
                        revision.commit_hash: {
                            "refs": sorted(revision.refs),
                            "files": sorted(str(file.file_path.relative_to(revision.snapshot_path)) for file in revision.files),
                        }
                        for revision in repo.revisions
                    },
                }
                for repo in info.repos
            },
        }
    if command == "verify":
        return {"mismatches": [str(path) for path in mismatches()]}
    raise SystemExit(f"unknown command {command}")


def mismatches():
    """Blobs whose name is not the hash of what they hold: SHA-256 for LFS, git's SHA-1 of a blob for the others."""
    for repo in scan_cache_dir().repos:
        blobs = repo.repo_path / "blobs"
        for blob in blobs.iterdir():
            data = blob.read_bytes()
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if blob.name not in (git, hashlib.sha256(data).hexdigest()):
                yield blob


print(json.dumps(main(*sys.argv[1:])))
