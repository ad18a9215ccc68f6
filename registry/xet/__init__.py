"""The Xet protocol's formats, as Hub clients upload them: chunks, xorbs, shards. Pure; no HTTP, no storage."""
