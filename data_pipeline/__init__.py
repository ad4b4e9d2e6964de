"""Text on disk -> token shards in Megatron's format -> training samples whose order is a pure function.

What a page says
    mixture.py    the page: which texts, what is done to them, which tokenizer, which proportions
    recipes/      what is done to texts, for pages that only name them
    sources/      one file per kind of source; each is cut into blocks and read as a stream of documents
    steps/        one file per step; each keeps, changes or drops documents
    blend.py      weights from tokens, and how they change on the way

What is done to texts
    documents.py  what flows through: documents, and records that are none
    clean.py      steps applied to documents, and a count of what each did
    measures/     what is measured of a text, its words found once for all filters
    surveys.py    what steps that must see everything exchange; keys.py what they compare by
    dedup/        signatures, fingerprints, clusters
    privacy/      personal data, found by kind
    tokenize/     documents -> token ids; tokenizers are learnt, or given as a file
    held_out.py   which documents are never trained on

What is left on disk
    work/         jobs that are done once, in this process, in several or on a cluster; files.py files that are whole
    build/        the stages of preparation, as jobs
    shards.py     token ids <-> `.bin/.idx`, byte for byte as Megatron-LM writes them; sidecar.py what is known of each document
    prepare.py    finds the prepared folder of a mixture, or makes it; alive.py who is at work on it
    prepared.py   what such a folder holds, read back and verified; admitted.py what is there while it is made

What training reads
    order/        global sample index -> (source, epoch, position), with no index to build
    stored/       where the bytes of a sample lie, here or behind a URL
    loader/       samples -> tensors, read ahead (the only importer of torch here)
    baseline.py   the bigram model that a trained network has to beat

What people see
    progress.py   how far a preparation is; screen.py in the terminal; summary.py what it came to
    report/       what became of every document, as a page and a data card
    lineage.py    which samples hold a document; differences.py how two prepared folders differ
"""
