"""What counts as personal, and what only looks like it."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.privacy.addresses import addresses
from data_pipeline.privacy.detector import Detector, is_natural
from data_pipeline.privacy.emails import emails
from data_pipeline.privacy.found import Find
from data_pipeline.privacy.keys import is_random, keys
from data_pipeline.privacy.phones import Phones
from data_pipeline.privacy.users import users


def found(find: Find, text: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text)]


PUBLIC_EMAILS = partial(emails, public_only=True)
PUBLIC_ADDRESSES = partial(addresses, public_only=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Jane <jane.doe+news@mail.firm.co.uk>.", "jane.doe+news@mail.firm.co.uk"),
        ("mailto:o'brien@firm.ie?subject=x", "o'brien@firm.ie"),
        ("联系john_99@firm.cn或致电", "john_99@firm.cn"),
        ("(A-B.c=d@x-y.museum)", "A-B.c=d@x-y.museum"),
        ("a@b.de,c@d.org", ["a@b.de", "c@d.org"]),
        ("user@xn--bcher-kva.example.xn--p1ai", "user@xn--bcher-kva.example.xn--p1ai"),
        ("end of sentence: me@firm.org.", "me@firm.org"),
        ("sent 'me@firm.org' today", "me@firm.org"),
    ],
)
def test_emails(text: str, expected: str | list[str]) -> None:
    assert found(PUBLIC_EMAILS, text) == ([expected] if isinstance(expected, str) else expected)


@pytest.mark.parametrize(
    "text",
    [
        "logo icon@2x.png and getty@tty1.service", "y = q@k.transpose(0, 1)", "git@github.com:a/b.git", "npm i left-pad@1.3.0", "@Override void f()",
        "https://user:secret@host.org/path", "x@y", "a @ b.org", "memcpy@GLIBC_2.2.5", "@example.org", "see user@example.com or me@mail.test", "x@w.T",
    ],
)  # fmt: skip
def test_what_is_no_email(text: str) -> None:
    assert found(PUBLIC_EMAILS, text) == []


def test_addresses_for_examples_are_taken_when_all_are() -> None:
    assert found(partial(emails, public_only=False), "me@example.com") == ["me@example.com"]
    assert found(partial(addresses, public_only=False), "at 192.168.17.4 and fe80::1ff:fe23:4567:890a") == ["192.168.17.4", "fe80::1ff:fe23:4567:890a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("logged in from 93.184.216.34 at noon", ["93.184.216.34"]),
        ("http://93.184.216.34:8080/x", ["93.184.216.34"]),
        ("the address 5.9.12.3, and (146.82.138.7).", ["5.9.12.3", "146.82.138.7"]),
        ("地址是82.50.72.202。", ["82.50.72.202"]),
        ("from 82.50.72.202-82.50.72.210", ["82.50.72.202", "82.50.72.210"]),
        ("93.184.216.34/24 on eth0", ["93.184.216.34"]),
        ("server=212.27.32.176", ["212.27.32.176"]),
        ("nameserver 8.8.4.4\n", ["8.8.4.4"]),
        ("ping6 2a00:1450:4001:80b::200e now", ["2a00:1450:4001:80b::200e"]),
        ("[2a00:1450:4001:80b:0:0:0:200e]:443", ["2a00:1450:4001:80b:0:0:0:200e"]),
    ],
)
def test_ip_addresses(text: str, expected: list[str]) -> None:
    assert found(PUBLIC_ADDRESSES, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "version 93.184.21.3", "Versión: 12.4.90.1", "版本 93.184.21.3", "v93.84.21.3", "foo-93.84.21.3", "Chrome/93.84.21.3", "foo==93.84.21.3", "1:93.84.21.3-1",
        "93.84.21.3-1ubuntu2", "93.84.21.3~rc1", "93.84.21.3rc1", "1.3.6.1.4.1.9.2", "Linux 2.6.32.27 is out", "4.5.1.1. Enabling it", "\n9.2.1.2 Keys",
        "see Section 9.2.1.4 of the server", "Seksjon\u00a09.2.1.4", "mask 255.255.255.0", "10.1.2.3 172.16.5.99 192.168.1.17 127.0.0.1 0.0.0.0", "192.0.2.77 203.0.113.9",
        "5.9.0.0/16", "93.184.216.0/255.255.255.0", "224.0.0.251", "300.1.2.3", "01.02.03.04", "12:30:45", "00:c0:ea:12:00:4e", "std::vec::add::bad", "::1", "2001:db8::17:1",
        "dead::beef::1", "a::b", "10.1.2.3.4", "1.2.3.4",
    ],
)  # fmt: skip
def test_what_is_no_ip_address(text: str) -> None:
    assert found(PUBLIC_ADDRESSES, text) == []


@pytest.mark.parametrize(
    ("region", "text", "expected"),
    [
        ("DE", "Tel.: 030 23125 123", "030 23125 123"),
        ("DE", "Rufen Sie +49 30 23125-123 an.", "+49 30 23125-123"),
        ("US", "call (212) 736-5000 now", "(212) 736-5000"),
        ("US", "212-736-5000", "212-736-5000"),
        ("FR", "au 01 42 68 53 00.", "01 42 68 53 00"),
        ("CN", "电话：010 6512 3456", "010 6512 3456"),
        ("CN", "手机13812345678", "13812345678"),
        ("IN", "फ़ोन: 022 2263 1234", "022 2263 1234"),
        ("VN", "điện thoại 024 3825 3210", "024 3825 3210"),
    ],
)
def test_phones(region: str, text: str, expected: str) -> None:
    assert found(Phones((region,)), text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "2021-03-04 10:11", "1234567890", "ISBN 978-3-16-148410-0", "12.10.2020 und 13.11.2021", "1990-2021", "3.141592653589", "0x0123456789", "$1 234 567 890",
        "100 200 300 400", "id 212736500012", "a/b/0301234567", "10 000 000", "+1", "+000000000000",
    ],
)  # fmt: skip
def test_what_is_no_phone(text: str) -> None:
    assert found(Phones(("US", "DE")), text) == []


# Put together here, so that no line of this file looks like a secret to a scanner.
BASE62 = "Zk3vQ9xT2mL7pR4wB8nY6cD1"
SECRETS = [
    "AKIA" + "3K7QZ2XW5RTY8PLM", "ghp_" + (BASE62 * 2)[:36], "xoxb" + "-2314-" + BASE62, "AIza" + (BASE62 * 2)[:35], "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
    "sk_" + "live_" + BASE62, "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + BASE62 * 2,
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_with_a_prefix_of_their_own(secret: str) -> None:
    assert found(keys, f"export X={secret} # mine") == [secret]


@pytest.mark.parametrize("name", ["api_key = '{}'", "API-KEY: {}", '"token": "{}"', "Authorization: Bearer {}", "password={}", "SECRET_KEY={}", "client secret is {}"])
def test_random_strings_that_are_called_secret(name: str) -> None:
    assert found(keys, name.format(BASE62)) == [BASE62]
    assert found(keys, name.format("changeme_changeme_change")) == []


def test_private_keys_go_whole() -> None:
    block = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + BASE62 * 9 + "\n-----END RSA PRIVATE KEY-----"
    assert found(keys, f"a\n{block}\nb") == [block]


@pytest.mark.parametrize(
    "text",
    [
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "key = the_name_of_the_table_1", "public key: 9fceb02d0ae598e95dc970b7",
        "token = tokenizer.next_token_in_line()", "/etc/apache2/authfiles/htpasswd-private user", "d41d8cd98f00b204e9800998ecf8427e  file.txt", BASE62,
    ],
)  # fmt: skip
def test_checksums_and_names_are_no_keys(text: str) -> None:
    assert found(keys, text) == []


def test_randomness() -> None:
    assert is_random(BASE62)
    assert is_random("9fceb02d0ae598e95dc970b74767f193")
    assert not is_random("aaaaaaaaaaaaaaa1aaaaaaaaa1")
    assert not is_random("internationalisation2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Thanks to @jane_doe and @Bob99 for it.", ["@jane_doe", "@Bob99"]), ("@alice what do you think?", ["@alice"]), ("请问@zhang_san怎么看", ["@zhang_san"]), ("(via @someone)", ["@someone"])],
)
def test_handles(text: str, expected: list[str]) -> None:
    assert found(users, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "@Override\npublic void run() {", "@dataclass\nclass A:", " * @param name the name of it", "@media screen and (x)", "push @list, $x;", "import x from '@babel/core'", "@code{x} in texinfo",
        "me@firm.org", "@property", "the @WTMP_FILE_LOC file", "@pytest.fixture", "matrix a @ b", "x = @width", "@reboot run it now",
    ],
)  # fmt: skip
def test_what_is_no_handle(text: str) -> None:
    assert found(users, text) == []


def test_what_one_kind_has_no_other_gets() -> None:
    text = "token: " + BASE62 + ", a@b.de, 93.184.216.34, +49 30 23125 123, thanks to @jane_doe"
    spans = Detector(regions=("DE",))(text)
    assert [span.kind for span in spans] == ["key", "email", "ip", "phone", "user"]
    assert Detector(("ip",))(text) == [span for span in spans if span.kind == "ip"]
    assert all(left.end <= right.start for left, right in pairwise(spans))


def test_programming_languages_are_not_written_by_users() -> None:
    assert is_natural("fr")
    assert is_natural(None)
    assert not is_natural("ruby")


PIECES = ["@", "a", "b.de", "1", "93.184.216.34", ":", "::", "2a00:", "+49 30 ", "(0", ")", ".", "-", "/", "\n", " ", "token=", "Zk3vQ9xT2mL7pR4wB8nY6cD1", "@jane ", "电话", "İ", "\ud800", "v", "1.2.3.4"]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.booleans())
def test_spans_of_any_text_are_in_order_and_none_is_empty(text: str, public_only: bool) -> None:
    spans = Detector(regions=("DE", "US"), public_only=public_only)(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))
