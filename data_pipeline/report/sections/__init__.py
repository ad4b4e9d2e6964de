"""The parts of the page, one file each; each gives markup, and "" where it has nothing to say.

overview.py    title, the large numbers, what somebody should look at
funnel.py      documents after each step, reasons, examples, what could not be read
languages.py   in and out and fertility by language
mixture.py     asked, forecast and taken
lengths.py     histograms of documents by tokens
copies.py      exact copies and clusters
personal.py    personal data by kind, with masked samples
sources.py     the table of sources, and everything about each
examples.py    documents as evidence, for the others
"""
