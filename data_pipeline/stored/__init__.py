"""The bytes of prepared data, wherever they lie: on this machine, or behind a URL and read by ranges.

    cache.py      blocks of far files in a folder of bounded size, shared by all processes of a node
    far.py        reading a far file by ranges, in spite of connections that break
    storage.py    a file of a prepared folder as arrays: memory-mapped here, or in blocks from far away
    stream.py     all tokens of one split of one source, over its shards, and the documents in them
"""
