"""Secrets: what services hand out under prefixes of their own, private keys, and random strings that are called secret.

A random string alone is a checksum, a commit or an identifier nine times of ten; the published pattern for keys took a third
of the numbers and identifiers in technical text with it. So a string without a known prefix counts only where a name such as
`api_key` or `token` is given it, and only if it is as random as a key: by the entropy of its characters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from math import log2

from data_pipeline.privacy.found import Span

_PREFIXES: dict[str, str] = {
    "AKIA": r"(?:AKIA|ASIA)[0-9A-Z]{16}", "ASIA": r"ASIA[0-9A-Z]{16}",  # Amazon
    "ghp_": r"ghp_[A-Za-z0-9]{36}", "gho_": r"gho_[A-Za-z0-9]{36}",
    "ghs_": r"ghs_[A-Za-z0-9]{36}", "ghu_": r"ghu_[A-Za-z0-9]{36}",
    "ghr_": r"ghr_[A-Za-z0-9]{36,}", "github_pat_": r"github_pat_[A-Za-z0-9_]{50,}", "glpat-": r"glpat-[A-Za-z0-9_-]{20,}",
    "xox": r"xox[abeoprs]-[A-Za-z0-9-]{10,}", "hooks.slack.com/services/": r"hooks\.slack\.com/services/T\w+/B\w+/\w{20,}",
    "AIza": r"AIza[0-9A-Za-z_-]{35}", "ya29.": r"ya29\.[0-9A-Za-z_-]{20,}", "GOCSPX-": r"GOCSPX-[0-9A-Za-z_-]{28}",
    "_live_": r"[sr]k_live_[0-9A-Za-z]{16,}", "_test_": r"[sr]k_test_[0-9A-Za-z]{16,}",
    "sk-": r"sk-(?:[A-Za-z]{2,8}-)?[A-Za-z0-9_-]{32,}", "hf_": r"hf_[A-Za-z]{34}",
    "npm_": r"npm_[A-Za-z0-9]{36}", "pypi-": r"pypi-AgE[A-Za-z0-9_-]{50,}",
    "SG.": r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", "dop_v1_": r"dop_v1_[0-9a-f]{64}",
    "eyJ": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
}  # fmt: skip
_KNOWN = {sign: re.compile(rf"(?<![A-Za-z0-9_]){pattern}(?![A-Za-z0-9])") for sign, pattern in _PREFIXES.items()}
_PRIVATE = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]*)PRIVATE KEY(?P<block> BLOCK)?-----[\s\S]{40,20000}?-----END "
    r"(?P=kind)PRIVATE KEY(?: BLOCK)?-----"
)
_NAMES = ("key", "secret", "token", "passw", "pwd", "bearer")
_WHOSE = re.compile(r"(?:api|access|secret|private|client|auth|service|signing|encryption|license)[_ -]?$")  # a key of what
_VALUE = re.compile(
    r"(?:or[dt]|d)?(?:[_-]?(?:id|key|value))?[\"'\]]{0,2}\s{0,2}(?:=>|:=|=|:|\s|is\s)\s{0,2}[\"'`]?"
    r"(?P<key>[A-Za-z0-9+/_.~=-]{15,511}[A-Za-z0-9+/_~=-])(?![A-Za-z0-9+/(])",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[A-Za-z0-9]+")
_LEAST_BITS = 3.5
_LEAST_BITS_HEX = 3.0
_HEX = re.compile(r"(?:[0-9a-f]+|[0-9A-F]+)$")


def keys(text: str) -> Iterator[Span]:
    """From left to right; of two that overlap the first."""
    found: list[tuple[int, int]] = []
    for sign, pattern in _KNOWN.items():
        if sign in text:
            found += (match.span() for match in pattern.finditer(text))
    if "PRIVATE KEY" in text:
        found += (match.span() for match in _PRIVATE.finditer(text))
    found += _named(text)
    after = 0
    for start, end in sorted(found):
        if start >= after:
            after = end
            yield Span(start, end, "key")


def _named(text: str) -> Iterator[tuple[int, int]]:
    """Random strings that are given to a name."""
    small = text.replace("İ", "i").lower()  # the one capital that grows longer by it
    for name in _NAMES:
        at = small.find(name)
        while at >= 0:
            value = _VALUE.match(text, at + len(name))
            if value is not None and is_random(value["key"]) and (name != "key" or _WHOSE.search(small, max(0, at - 12), at)):
                yield value.span("key")
            at = small.find(name, at + len(name))


def is_random(string: str) -> bool:
    """Whether its characters are as mixed as those of a key: bits a character, and letters with digits in most of its parts."""
    string = string.rstrip("=.")
    if len(string) < 16:
        return False
    mixed = sum(len(part) for part in _PARTS.findall(string) if not part.isalpha() and not part.isdigit())
    if mixed < 0.6 * len(string):
        return False
    return entropy(string) >= (_LEAST_BITS_HEX if _HEX.match(string) else _LEAST_BITS)


def entropy(string: str) -> float:
    """Bits a character (Shannon)."""
    return -sum(count / len(string) * log2(count / len(string)) for count in Counter(string).values())

