"""What a stock client does in a day, for any version of it: run with an interpreter that has one, never imported.

Usage: matrix_client.py FOLDER. Prints one line of JSON: what came back.
"""

import json
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, HfFileSystem
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile

api = HfApi()
folder = Path(sys.argv[1])


def status(call: Any, *arguments: Any, **options: Any) -> Any:
    """The status with which the server refuses a call, and what kind of error the client makes of it."""
    try:
        call(*arguments, **options)
    except HfHubHTTPError as error:
        return [type(error).__name__, error.response.status_code]
    return "not refused"


# A single file, a folder, large and small; and everything as it was when it comes back.
assert api.create_repo("team/day", exist_ok=True) == api.create_repo("team/day", exist_ok=True)
api.upload_folder(repo_id="team/day", folder_path=folder, commit_message="the folder")
first = api.model_info("team/day", files_metadata=True).sha
api.upload_file(repo_id="team/day", path_or_fileobj=b"a note", path_in_repo="notes/a b.txt")
second = api.model_info("team/day").sha
here = Path(huggingface_hub.snapshot_download("team/day"))
same = all(
    (here / path.relative_to(folder)).read_bytes() == path.read_bytes() for path in folder.rglob("*") if path.is_file()
)
# Changes by what is there already.
steps: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
    CommitOperationCopy("model.safetensors", "copies/model.safetensors"),
    CommitOperationCopy("config.json", "copies/config.json"),
    CommitOperationDelete("notes/"),
    CommitOperationAdd("late.txt", b"late"),
]
third = api.create_commit("team/day", steps, commit_message="changes", parent_commit=second).oid
stale = status(
    api.create_commit, "team/day", [CommitOperationDelete("late.txt")], commit_message="stale", parent_commit=first
)
# Names for what there is.
api.create_branch("team/day", branch="try/one", revision=first)
api.upload_file(repo_id="team/day", path_or_fileobj=b"b", path_in_repo="b.txt", revision="try/one")
api.create_tag("team/day", tag="before", revision=first)
refs = api.list_repo_refs("team/day")
files = HfFileSystem()
print(
    json.dumps(
        {
            "version": huggingface_hub.__version__,
            "same": same,
            "whoami": api.whoami()["name"],
            "files": api.list_repo_files("team/day"),
            "branch": api.list_repo_files("team/day", revision="try/one"),
            "history": [one.commit_id for one in api.list_repo_commits("team/day")] == [third, second, first],
            "refs": [sorted(ref.name for ref in refs.branches), sorted(ref.name for ref in refs.tags)],
            "before": refs.tags[0].target_commit == first,
            "tree": sorted(e.path for e in api.list_repo_tree("team/day", "copies") if isinstance(e, RepoFile)),
            "paths": [e.path for e in api.get_paths_info("team/day", ["late.txt", "nothing"], expand=True)],
            "models": [model.id for model in api.list_models(author="team", search="day")],
            "exists": [
                api.repo_exists("team/day"),
                api.file_exists("team/day", "late.txt"),
                api.repo_exists("team/no"),
            ],
            "url": [
                (meta := huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url("team/day", "late.txt"))).size,
                meta.commit_hash == third,
            ],
            "tensors": len(api.get_safetensors_metadata("team/day").weight_map) > 200,
            "file system": [sorted(files.ls("team/day", detail=False)), files.read_text("team/day/late.txt")],
            "refused": {
                "stale": stale,
                "version": status(api.create_tag, "team/day", tag="v1.0.0"),
                "pickle": status(
                    api.upload_file, path_or_fileobj=b"\x80\x04N.", path_in_repo="m.pkl", repo_id="team/day"
                ),
                "elsewhere": status(api.create_repo, "other/day"),
                "no repository": status(api.model_info, "team/no"),
                "no revision": status(api.model_info, "team/day", revision="v9.9.9"),
                "no file": status(huggingface_hub.hf_hub_download, "team/day", "no.txt"),
            },
            "deleted": [api.delete_tag("team/day", tag="before"), api.delete_branch("team/day", branch="try/one")],
            "gone": [api.delete_repo("team/day"), api.repo_exists("team/day")],
        }
    )
)
