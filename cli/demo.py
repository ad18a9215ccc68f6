"""`roadworthy demo`: to be written."""
