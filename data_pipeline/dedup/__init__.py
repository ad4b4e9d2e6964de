"""What is the same in many documents, and which of them is the first: algorithms on arrays, without files.

The published tools hold all signatures, or a suffix array of the whole corpus, in the memory of one machine;
that is where they stop (750 GB of signatures hung for a day, 350 GB were needed for 110 GB of text). Here
each comes down to rows that are sorted by key on disk by whoever runs a `Wide` step, and to a decision about
rows that share a key.

    groups.py    rows of equal keys: which is the first, which come later; clusters from pairs
    normal.py    what is left of a text before copies are compared
    shingles.py  n-grams of words, the same in all languages
    minhash.py   signatures that agree as often as sets of n-grams overlap
    simhash.py   64 bits that differ the less, the more two texts have in common
    winnow.py    places of a text that an equal text has too, wherever it stands; hashes of its windows
    cut.py       a text without the bytes that stand elsewhere

Nothing depends on the order in which rows come, nor on how the keys were divided.
"""
