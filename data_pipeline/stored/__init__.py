"""The bytes of prepared data, wherever they lie: on this machine, or behind a URL and read by ranges.

    cache.py         blocks of far files in a folder of bounded size, shared by all processes of a node
    far.py           reading a far file by ranges, in spite of connections that break
    held.py          one file as arrays: memory-mapped here, or in blocks from far away
    storage.py       the files of a prepared folder by their names
    shard_index.py   where documents begin in a shard, looked up without reading the index whole
    listed.py        what is on record of the documents of a shard
    stream.py        all tokens of one split of one source, and the documents they belong to
    reader.py        sample numbers -> arrays of tokens, and where each came from
    orders.py        the orders that samples can be read in
"""
