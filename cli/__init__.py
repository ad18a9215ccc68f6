"""The `roadworthy` command: parse, call one function, print what it yields."""
