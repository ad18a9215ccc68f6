"""A stock Xet client in a process of its own: ``python uploader.py ENDPOINT TOKEN FILE…``, with HF_XET_CACHE set.

Prints what it uploaded as JSON: for each file the hash of the Xet protocol, the SHA-256 and the size.
"""

import json
import sys
import time

import hf_xet

endpoint, token, *files = sys.argv[1:]
made = hf_xet.upload_files(files, endpoint, (token, int(time.time()) + 3600), None, None, "model")
print(json.dumps([[file.hash, file.sha256, file.file_size] for file in made]))
