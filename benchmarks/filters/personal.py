"""Personal data and what looks like it, planted into clean documents that hold none.

Telephone numbers are the examples that `phonenumbers` keeps for each region; the rest is drawn at random. For every value a
decoy is planted as well: a version for an address of a computer, a checksum for a key, a decorator for a user.
"""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv4Address

from benchmarks.filters.clean import language_of
from data_pipeline.documents import Document
from data_pipeline.privacy.detector import Detector, regions_of
from data_pipeline.privacy.found import KINDS, Kind

_SUSPECT = re.compile(r"@|\d[\d .()/-]{5,}\d|\d\.\d+\.\d|:[0-9a-f]{0,4}:|key|token|secret|passw", re.IGNORECASE)
_NAMES = ("jane", "john.smith", "m_dupont", "li-wei", "a.k", "info", "Sales", "x99", "o.brien", "user+tag")
_HOSTS = ("mailbox", "uni-x", "firm", "some.dept.uni", "web-de", "a1")
_TOPS = ("org", "com", "net", "de", "fr", "co.uk", "com.br", "io", "edu.cn", "ru", "museum")
_PROGRAMS = ("Firefox", "LibreOffice", "the kernel", "glibc", "Player", "gcc")

Value = Callable[[random.Random, str], str]
Sentence = tuple[str, ...]


def _email(chance: random.Random, language: str) -> str:
    return f"{chance.choice(_NAMES)}@{chance.choice(_HOSTS)}.{chance.choice(_TOPS)}"


def _no_email(chance: random.Random, language: str) -> str:
    return chance.choice(("icon@2x.png", "getty@tty{n}.service", "left-pad@1.{n}.0", "git@host.org:a/b", "root@localhost", "a@b", "memcpy@GLIBC_2.{n}")).format(n=chance.randint(1, 9))


def _ip(chance: random.Random, language: str) -> str:
    if chance.random() < 0.2:
        return "2a0" + chance.choice("0123") + "".join(f":{chance.randrange(1, 65536):x}" for _ in range(7))
    while True:
        address = IPv4Address(chance.randrange(1 << 24, 224 << 24))
        if address.is_global:
            return str(address)


def _no_ip(chance: random.Random, language: str) -> str:
    version = f"{chance.randint(1, 40)}.{chance.randint(0, 20)}.{chance.randint(0, 30)}.{chance.randint(0, 250)}"
    small = f"{chance.randint(1, 9)}.{chance.randint(1, 12)}.{chance.randint(1, 9)}.{chance.randint(1, 9)}"
    private = f"{chance.choice(('10.1', '192.168', '172.17', '127.0'))}.{chance.randint(0, 255)}.{chance.randint(1, 254)}"
    return chance.choice((
        f"version {version}", f"v{version}", f"{chance.choice(_PROGRAMS)} {version}", f"lib-{version}", f"{version}-1+deb12u1", f"release {version}",
        f"OID 1.3.6.1.4.1.{chance.randint(1, 9999)}.2", f"section {small}", f"\n{small}. Title", private, "netmask 255.255.255.0", f"{chance.randint(1, 99)}.0.{chance.randint(1000, 9999)}.12",
        f"{chance.randint(10, 23)}:{chance.randint(10, 59)}:{chance.randint(10, 59)}", "00:c0:ea:1f:00:4e",
    ))  # fmt: skip


def _phone(chance: random.Random, language: str) -> str:
    import phonenumbers

    region = chance.choice(regions_of(language) or ("US",))
    number = phonenumbers.example_number_for_type(region, chance.choice((phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)))
    forms = phonenumbers.PhoneNumberFormat
    abroad = not regions_of(language) or chance.random() < 0.6
    form = chance.choice((forms.INTERNATIONAL, forms.E164)) if abroad else forms.NATIONAL
    said = phonenumbers.format_number(number, form)
    return said if abroad else chance.choice(("Tel.: {}", "Fax {}", "☎ {}", "phone: {}", "电话：{}")).format(said)


def _no_phone(chance: random.Random, language: str) -> str:
    n = chance.randrange
    return chance.choice((
        f"20{n(10, 30)}-{n(10, 13)}-{n(10, 29)}", f"{n(10, 29)}.{n(10, 13)}.20{n(10, 30)}", f"978-3-16-{n(100000, 999999)}-{n(10)}", f"{n(100, 999)} {n(100, 999)} {n(100, 999)}", f"#{n(10**6, 10**7)}",
        f"{n(10**9, 10**10)}", f"{n(1900, 1999)}-{n(2000, 2026)}", f"{n(1, 9)},{n(100, 999)},{n(100, 999)}", f"3.{n(10**9)}", f"$ {n(1, 9)} {n(100, 999)} {n(100, 999)}", f"{n(10, 99)} {n(10, 99)} {n(10, 99)} {n(10, 99)}",
    ))  # fmt: skip


def _mixed(chance: random.Random, size: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(chance.choice(letters) for _ in range(size))


def _key(chance: random.Random, language: str) -> str:
    return chance.choice((
        "AKIA" + _mixed(chance, 16, string.ascii_uppercase + string.digits), "ghp_" + _mixed(chance, 36), "AIza" + _mixed(chance, 35), "xoxb-" + _mixed(chance, 30), "sk_live_" + _mixed(chance, 24),
        "glpat-" + _mixed(chance, 20), f"api_key = \"{_mixed(chance, 32)}\"", f"token: {_mixed(chance, 40)}", f"SECRET_KEY={_mixed(chance, 40, string.hexdigits.lower()[:16])}", f"password='{_mixed(chance, 20)}'",
    ))  # fmt: skip


def _no_key(chance: random.Random, language: str) -> str:
    digits = "0123456789abcdef"
    return chance.choice((
        _mixed(chance, 40, digits), "sha256:" + _mixed(chance, 64, digits), f"commit {_mixed(chance, 12, digits)}", f"{_mixed(chance, 8, digits)}-{_mixed(chance, 4, digits)}-4abc-8def-{_mixed(chance, 12, digits)}",
        "key = primary_key_of_table", "token = tokenizer.get_next_token()", "keyboard-configuration-2", "internationalisation", f"Fingerprint: {_mixed(chance, 40, digits).upper()}", "/usr/share/keyrings/archive-keyring.gpg",
    ))  # fmt: skip


def _user(chance: random.Random, language: str) -> str:
    return "@" + chance.choice(("jane_doe", "bob99", "LiWei", "m_dupont", "the_real_x", "dev_ops", "anna")) + chance.choice(("", str(chance.randint(1, 99))))


def _no_user(chance: random.Random, language: str) -> str:
    return chance.choice(("\n@Override\npublic void f()", "\n@dataclass\nclass A:", "\n * @param name the name\n", "'@babel/core'", "x@y", "push @list, $x;", "\n@media print {", "@VERSION_FOUND@", "@{u}", "a @ b"))


_VALUES: dict[Kind, tuple[Value, Value]] = {
    "email": (_email, _no_email), "ip": (_ip, _no_ip), "phone": (_phone, _no_phone), "key": (_key, _no_key), "user": (_user, _no_user),
}  # fmt: skip
_AROUND = ("{}", "({})", "— {},", "{}.", "\n{}\n")


def scores(good: list[Document], chance: random.Random) -> dict[str, tuple[int, float, float, str]]:
    """Of each kind: how many were planted, recall, precision, and the decoys most often taken for it."""
    bare = [entry for entry in good if not _SUSPECT.search(entry.text)]
    found: dict[str, tuple[int, float, float, str]] = {}
    number, right, taken = Counter[str](), Counter[str](), Counter[str]()
    wrong: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for entry in bare:
        language = language_of(entry)
        find = Detector(regions=regions_of(language))
        for kind in KINDS:
            value, decoy = (make(chance, language) for make in _VALUES[kind])
            text, start = _planted(entry.text, value, decoy, chance)
            number[kind] += 1
            caught = False
            for span in find(text):
                taken[span.kind] += 1
                if span.kind == kind and start <= span.start and span.end <= start + len(value):
                    caught = True
                    right[kind] += 1
                else:
                    wrong[span.kind][text[span.start : span.end]] += 1
            number[f"{kind} caught"] += caught
    for kind in KINDS:
        common = ", ".join(repr(value) for value, _ in wrong[kind].most_common(3))
        found[kind] = (number[kind], number[f"{kind} caught"] / max(1, number[kind]), right[kind] / max(1, taken[kind]), common)
    return found


def _planted(text: str, value: str, decoy: str, chance: random.Random) -> tuple[str, int]:
    """The text with both in it, behind ends of sentences or blanks, and where the value begins."""
    places = [match.end() for match in re.finditer(r"[.。।] ?|[ \t]", text)] or [len(text)]
    first, second = sorted(chance.choices(places, k=2))
    one, two = (value, decoy) if chance.random() < 0.5 else (decoy, value)
    parts = [text[:first], " ", *_wrapped(one, chance), " ", text[first:second], " ", *_wrapped(two, chance), " ", text[second:]]
    place = 3 if one is value else 9
    return "".join(parts), sum(map(len, parts[:place]))


def _wrapped(value: str, chance: random.Random) -> tuple[str, str, str]:
    around = _AROUND[:-1] if value.startswith("@") else _AROUND  # nobody is spoken to on a line of its own
    before, _, after = chance.choice(around).partition("{}")
    return before, value, after
