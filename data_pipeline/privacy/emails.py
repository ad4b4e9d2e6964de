"""E-mail addresses, by the part of RFC 5322 and RFC 1035 that mail servers accept.

The part before the `@` is ASCII (dot-atom, 64 characters), so in Chinese or Japanese text, where no blank stands before it,
it begins where it should. Left alone: names of files and of systemd units (`icon@2x.png`, `getty@tty1.service`), products of
matrices (`x@w.sum(`), logins of version control (`git@`), and the domains that RFC 2606 keeps for examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from data_pipeline.privacy.found import Span

_DOMAIN = re.compile(
    r"@(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+(?P<top>xn--[A-Za-z0-9-]{2,59}|"
    r"[A-Za-z]{2,24}))(?![A-Za-z0-9_(@])(?!-[A-Za-z0-9])"
)
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&*+=?^_{|}~-]+(?:[.'/`][A-Za-z0-9!#$%&*+=?^_{|}~-]+)*$")
_LONGEST = 64
_NO_TOPS = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "mjs", "ts", "tsx", "jsx", "html", "htm",
    "xml", "json", "yaml", "yml", "toml", "txt", "md", "pdf", "gz", "xz", "bz", "tar", "tgz", "deb", "rpm",
    "whl", "jar", "exe", "dll", "lib", "service", "socket", "target", "mount", "automount", "timer", "slice",
    "device", "swap", "scope", "conf", "cfg", "log", "tmp", "bak", "sum", "mean", "dot", "shape", "transpose",
})  # fmt: skip
_NOBODY = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org|edu)|example|test|invalid|localhost|localdomain|local)$", re.IGNORECASE)
_SERVICES = frozenset({"git", "hg", "svn", "bzr", "anonymous", "anoncvs"})


def emails(text: str, public_only: bool) -> Iterator[Span]:
    """Addresses; with `public_only` not those of domains that are kept for examples."""
    if "@" not in text:
        return
    after = 0
    for found in _DOMAIN.finditer(text):
        at = found.start()
        local = _LOCAL.search(text, max(after, at - _LONGEST), at)
        if local is None or found["top"].lower() in _NO_TOPS:
            continue
        start = _begin(text, local.start(), at)
        if start == at or text[start:at].lower() in _SERVICES or (public_only and _NOBODY.search(found["domain"])):
            continue
        if text[max(0, start - 3) : start] == "://" or _is_password(text, start):
            continue
        after = found.end()
        yield Span(start, after, "email")


def _begin(text: str, start: int, at: int) -> int:
    """Where the local part begins: not at a mark that opens something."""
    while start < at and text[start] in "!#$%&*+=?^{|}~-/'`":
        start += 1
    return start


def _is_password(text: str, start: int) -> bool:
    """`https://user:password@host`: what stands before the `@` is no mailbox."""
    before = text[max(0, start - 80) : start]
    return before.endswith(":") and "://" in before and " " not in before.rpartition("://")[2]
