"""Documents as evidence: what a step dropped, changed, masked or could not read, for a human to judge the rule by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

from data_pipeline.report.groups import Example
from data_pipeline.report.markup import link, named, quoted, words


def example(made: Example) -> str:
    """One document of any source."""
    where = f"{link(made.source)} · " + (f"{words(made.language)} · " if made.language else "")
    return of_source(made.said, where)


def of_source(said: Mapping[str, str], where: str = "") -> str:
    """One document: its id, what was measured, and its text, or what it was and what it became."""
    measured = f" · {words(said['measured'])}" if "measured" in said else ""
    head = f"<p>{where}{named(said.get('id', ''))}{measured}</p>"
    if "text" in said:
        return f'<div class="example">{head}{quoted(said["text"])}</div>'
    if "before" in said or "after" in said:
        head += "" if said.get("before") != said.get("after") else "<p>They differ further on than is shown.</p>"
        return f'<div class="example">{head}<div class="change">{_change(said.get("before", ""), said.get("after", ""))}</div></div>'
    return f'<div class="example">{head}</div>'


def _change(before: str, after: str) -> str:
    """Both texts with what differs marked: a blank of another kind looks the same. They are cut off at one length, so what
    only one of them has at its end is no difference."""
    old, new = "", ""
    for kind, i, i_end, j, j_end in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        cut_off = kind in ("insert", "delete") and (i_end, j_end) == (len(before), len(after))
        same = kind == "equal" or cut_off
        old += _marked(before[i:i_end], same)
        new += _marked(after[j:j_end], same)
    return f'<pre dir="auto" class="before">{old}</pre><pre dir="auto" class="after">{new}</pre>'


def _marked(text: str, same: bool) -> str:
    return words(text) if same or not text else f"<mark>{words(text)}</mark>"


def unread(examples: Iterable[Mapping[str, str]]) -> str:
    """Records and files that could not be read: where they stand and why."""
    return "".join(f'<div class="example"><p>{named(each.get("where", ""))}</p>{quoted(each.get("reason", ""))}</div>' for each in examples)
