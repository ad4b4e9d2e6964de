"""Text -> token ids, by a tokenizer that is learnt from the mixture or given as a file.

section.py    what the mixture page says of the tokenizer
recipes/      one file per way of learning one
encoder.py    documents -> ids, each with its end; a document cannot forge that end
fast.py       the same ids from gigatoken, where it is installed and gives the same ids
sample.py     which texts a tokenizer is learnt from
fertility.py  tokens per word and per byte

Only these modules import `tokenizers`, `sentencepiece` and `gigatoken`, and only when they are used.
"""
