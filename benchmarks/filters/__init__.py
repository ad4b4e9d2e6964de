"""Filters beside their peers on the same documents, in one run: `make bench-filters CORPUS=folder PEER=python`.

CORPUS is a folder of .jsonl or .jsonl.zst files with `text` and, in `meta`, `lang_hint` or `language`. PEER is a Python that
has datatrove with spaCy; without it that comparison is skipped. All times are processor time of one process.
"""
