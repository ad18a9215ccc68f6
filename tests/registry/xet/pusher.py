"""A stock Hub client in a process of its own: ``python pusher.py FOLDER NAME``, with HF_ENDPOINT and HF_TOKEN set.

Pushes a folder, downloads it again and prints the folder with what came back.
"""

import sys

from huggingface_hub import HfApi, snapshot_download

folder, name = sys.argv[1:]
api = HfApi()
api.create_repo(name)
api.upload_folder(repo_id=name, folder_path=folder)
print(snapshot_download(name))
