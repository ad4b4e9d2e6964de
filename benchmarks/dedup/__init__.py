"""Deduplication beside its peers on the same documents, in one run.

`make bench-dedup CORPUS=folder PEER=python`: CORPUS is a folder of .jsonl or .jsonl.zst files with `text` and, in
`meta`, `lang_hint` or `language`; PYTHON one that has datatrove with spaCy, without which that comparison is skipped.
All times are processor time of one process, taken in turn.
"""
