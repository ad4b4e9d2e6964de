"""The licence of a file of code: by its own SPDX line, or by the licence file nearest above it.

Whoever trains on code is asked under which terms it was published, and an answer for a whole collection is
none. Texts of licences are recognised by sentences that only they hold; one that is not recognised is not
guessed.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_FILE = re.compile(r"(?i)^(un)?licen[cs]e([-._].*)?$|^copying([-.].*)?$|^copyright$")
_TAG = re.compile(
    rb"SPDX-License-Identifier:\s*\(?\s*([A-Za-z0-9.+-]+(?:\s+(?:OR|AND|WITH)\s+[A-Za-z0-9.+-]+)*)"
)
_HEAD = 4096
_READ = 200_000

_SENTENCES: tuple[tuple[str, str], ...] = (
    ("AGPL-3.0", r"gnu affero general public license version 3"),
    ("LGPL-3.0", r"gnu lesser general public license version 3"),
    ("LGPL-2.1", r"gnu lesser general public license version 2\.1"),
    ("LGPL-2.0", r"gnu library general public license version 2"),
    ("GPL-3.0", r"gnu general public license version 3"),
    ("GPL-2.0", r"gnu general public license version 2"),
    ("Apache-2.0", r"apache license,? version 2\.0"),
    ("MPL-2.0", r"mozilla public license,? (version|v\.) ?2\.0"),
    ("EPL-2.0", r"eclipse public license - v 2\.0"),
    ("EPL-1.0", r"eclipse public license - v 1\.0"),
    ("CC0-1.0", r"cc0 1\.0 universal"),
    ("BSL-1.0", r"boost software license - version 1\.0"),
    ("Artistic-2.0", r"the artistic license 2\.0"),
    ("PSF-2.0", r"python software foundation license version 2"),
    ("Unlicense", r"this is free and unencumbered software released into the public domain"),
    ("WTFPL", r"do what the fuck you want to public license"),
    ("Zlib", r"this software is provided 'as-is', without any express or implied warranty"),
    ("ISC", r"permission to use, copy, modify, and(/or)? distribute this software for any purpose with or without fee is hereby granted,? "
            r"provided that the above copyright notice"),
    ("MIT-0", r"permission is hereby granted, free of charge, to any person obtaining a copy.{0,400}furnished to do so\. the software"),
    ("MIT", r"permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"),
    ("BSD-3-Clause", r"redistribution and use in source and binary forms.{0,1500}?(neither the names? |the names? of .* may not be used to endorse)"),
    ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
)  # fmt: skip
_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})
_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in _SENTENCES)


def is_licence_file(name: str) -> bool:
    """LICENSE, LICENCE.md, COPYING.txt, UNLICENSE ...; not license.py."""
    path = PurePosixPath(name)
    return bool(_FILE.match(path.name)) and path.suffix.lower() not in (
        ".py",
        ".js",
        ".go",
        ".java",
        ".c",
        ".h",
        ".rs",
        ".json",
    )


def tag_of(raw: bytes) -> str | None:
    """The short identifier that a file says of itself (SPDX specification 2.3, annex E)."""
    found = _TAG.search(raw[:_HEAD])
    return " ".join(found[1].decode().split()) if found else None


def licence_of(text: str) -> str | None:
    """The SPDX short identifier of a licence's text, the first of several; None if none is recognised."""
    words = re.sub(r"[\s#*>`=]+|//", " ", text[:_READ].lower().translate(_QUOTES))
    found = [
        (match.start(), order)
        for order, (_, pattern) in enumerate(_PATTERNS)
        if (match := pattern.search(words))
    ]
    return _PATTERNS[min(found)[1]][0] if found else None
