"""The server: a registry over HTTP, in the Hugging Face Hub's protocol and in our own. Starlette; no torch."""
