"""Personal data in running text: where it stands, and what a report may show of it.

Published pipelines find personal data with one pattern a kind, and what looks alike goes with it: version numbers as
addresses of computers, checksums as keys, decorators of program text as names of users. Each kind here has a pattern that
finds candidates fast, and then reasons to let one go.

    found.py      a kind, and a span of one in a text
    emails.py     john@example.net, and not icon@2x.png
    addresses.py  IPv4 and IPv6 addresses that are somebody's, and not versions, sections, object identifiers or netmasks
    phones.py     telephone numbers, as `phonenumbers` knows them, written as people write them
    keys.py       secrets: known prefixes, private keys, and random strings that are said to be secret
    users.py      @names in prose
    people.py     names and places, by Presidio, where a page asks for it
    detector.py   all kinds together, each character claimed once
    regions.py    where a language is written from
    excerpts.py   pieces of documents for a report
    masks.py      what can be shown: `j***@e***.net`
"""
