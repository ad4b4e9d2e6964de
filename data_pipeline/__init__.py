"""Text on disk -> token shards in Megatron's format -> training samples whose order is a pure function.

mixture.py   the page that says which sources, which tokenizer, what is held out
sources/     one file per kind of source; each is a stream of documents
steps/       one file per step; each keeps, changes or drops documents
reader.py    the documents of a source after its steps, for the tokenizer and for the shards
clean.py     steps applied to a source, and a count of what each did
measures/    what is measured of a text, its words found once for all filters
keys.py      which of very many keys come again; spool.py documents read twice; both in bounded memory
tokenize.py  documents -> token ids; trains a byte-level BPE or takes any tokenizer.json
shards.py    token ids <-> `.bin/.idx`, byte for byte as Megatron-LM writes them
held_out.py  which documents are never trained on
build.py     the stages in a row: reject, clean, drop copies, encode, hold out, write
prepare.py   finds the prepared folder of a mixture, or builds it whole or not at all
prepared.py  what such a folder holds, read back and verified
order.py     global sample index -> (source, epoch, position), with no index to build
loader.py    positions -> tensors (the only importer of torch here)
baseline.py  the bigram model that a trained network has to beat
"""
