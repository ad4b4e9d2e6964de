"""datatrove's Gopher repetition, Gopher quality and C4 filters on the given documents; run by the peer's own Python.

Reads a JSON file {documents: [{text, words}]} and a number of runs, prints one JSON line: the least processor seconds of the chain, each
filter stopping what it drops, and of all filters on all documents; the decisions with datatrove's words and with the words given.
"""

import json
import sys
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    gopher_quality_filter,
    gopher_repetition_filter,
)
from datatrove.utils.text import split_into_parts


def kept(filter_, document):
    result = filter_.filter(document)
    return result[0] if isinstance(result, tuple) else result


def chain(filters, texts):
    decisions = []
    for text in texts:
        document = Document(text=text, id="0")
        decisions.append(next((number for number, one in enumerate(filters) if not kept(one, document)), None))
    return decisions


def main():
    given = json.loads(Path(sys.argv[1]).read_text())["documents"]
    texts = [row["text"] for row in given]
    filters = [GopherRepetitionFilter(), GopherQualityFilter(), C4QualityFilter()]
    chain(filters, texts[:5])
    chain_s, all_s = [], []
    for _ in range(int(sys.argv[2])):
        split_into_parts.cache_clear()
        began = time.process_time()
        decisions = chain(filters, texts)
        chain_s.append(time.process_time() - began)
        split_into_parts.cache_clear()
        began = time.process_time()
        for text in texts:
            for one in filters:
                one.filter(Document(text=text, id="0"))
        all_s.append(time.process_time() - began)
    words = {row["text"]: row["words"] for row in given}
    for module in (gopher_repetition_filter, gopher_quality_filter):
        module.split_into_words = lambda text, language: words[text]
    same_words = [[kept(one, Document(text=text, id="0")) for one in filters[:2]] for text in texts]
    print(json.dumps({"chain_s": min(chain_s), "all_s": min(all_s), "decisions": decisions, "same_words": same_words}))


if __name__ == "__main__":
    main()
