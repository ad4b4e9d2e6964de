"""Documents as evidence: what a step dropped, changed, masked or could not read, for a human to judge the rule by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
        both = quoted(said.get("before", ""), "before") + quoted(said.get("after", ""), "after")
        return f'<div class="example">{head}<div class="change">{both}</div></div>'
    return f'<div class="example">{head}</div>'


def unread(examples: Iterable[Mapping[str, str]]) -> str:
    """Records and files that could not be read: where they stand and why."""
    return "".join(f'<div class="example"><p>{named(each.get("where", ""))}</p>{quoted(each.get("reason", ""))}</div>' for each in examples)
