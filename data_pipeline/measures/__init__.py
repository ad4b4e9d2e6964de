"""What is measured of a text: every rule needs the words, and every filter used to find them again.

A chain of published filters splits one document into words some ten times and builds its n-grams in Python
objects. Here a text has one `TextView`: code points, words, their hashes and lines are each found once, when
first asked for, as arrays, and every measure of every filter reads them.

    characters.py   classes of code points, as tables of 0x110000 entries
    hashing.py      hashes of words and n-grams, by prefix sums; runs of equal hashes
    words.py        where words stand, in scripts with spaces and without
    view.py         one text and all that was found of it so far
    repetition.py   n-grams that come again: the measures of ROOTS and Gopher
    shares.py       shares of special characters, of stop words, of flagged words
    structure.py    shares of running text, program text, advertising
    files.py        lines, signs and tokens of source code
    overlap.py      n-grams that stand in other texts
    lines.py        lines and paragraphs: copies, bullets, ellipses, ends of sentences
    scripts.py      languages that are written without spaces
    thresholds.py   the published limits of ROOTS for each language
    roots.py        the checks of ROOTS, the cheap ones first; names.py how a page calls them
    perplexity.py   a language model of n-grams, where a page names one
    quantiles.py    how a measure is distributed over a source
    wordlists.py    lists of words, as hashes
    languages.py    which language a text is in; identifier.py the model that says so

Two different words, or n-grams, share a 64-bit hash about once in 10^19 pairs; everything else is exact.
"""
