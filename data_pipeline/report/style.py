"""The page's look: one set of colours for light and one for dark, rows of bars that fit a phone, and what paper needs.

Colours of parts keep 3 : 1 against their ground, words 4.5 : 1 (WCAG 2.2, 1.4.3 and 1.4.11); what a colour says is also
said in words or numbers beside it.
"""

_LIGHT = {
    "ground": "#ffffff", "panel": "#f6f7f9", "line": "#d5d9e0", "ink": "#1b1f27", "soft": "#565e6c", "rest": "#e9ecf1",
    "kept": "#2f6fb7", "held": "#17805f", "lost": "#bd7100", "broken": "#b3261e", "mark": "#1b1f27", "code": "#8450b4", "marked": "#ffe3a8",
}  # fmt: skip
_DARK = {
    "ground": "#14171c", "panel": "#1c2027", "line": "#363c47", "ink": "#e8eaee", "soft": "#a6aebb", "rest": "#262b34",
    "kept": "#6ea8e8", "held": "#57c7a3", "lost": "#f0a640", "broken": "#ff8a80", "mark": "#e8eaee", "code": "#c09be6", "marked": "#5c4716",
}  # fmt: skip

_RULES = """
* { box-sizing: border-box }
html { background: var(--ground); color: var(--ink); -webkit-text-size-adjust: 100%; scroll-padding-top: 3.5rem }
body { margin: 0 auto; max-width: 72rem; padding: 2.5rem 1.5rem 4rem; overflow-wrap: break-word;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; font-variant-numeric: tabular-nums }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; text-wrap: balance }
h2 { font-size: 1.2rem; margin: 3.25rem 0 .25rem } h3 { font-size: .95rem; margin: 1.5rem 0 .25rem; font-weight: 600 }
p { margin: .25rem 0 .75rem; max-width: 46rem } .soft, .note { color: var(--soft) } .note, small { font-size: .85rem }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em } a:hover { text-decoration-color: currentColor }
code { font: .875em ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere }
nav { position: sticky; top: 0; z-index: 1; background: var(--ground); border-bottom: 1px solid var(--line); margin: 1.25rem 0 0; overflow-x: auto }
nav ul { display: flex; gap: 1.25rem; list-style: none; margin: 0; padding: .6rem 0; white-space: nowrap; font-size: .875rem }
nav a { color: var(--soft); text-decoration: none } nav a:hover { color: var(--ink) }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: .75rem; margin: 1.25rem 0 0; padding: 0 }
.figures div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem }
.figures dt { color: var(--soft); font-size: .8rem } .figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; line-height: 1.3 }
.figures small { display: block; font-size: .8rem; font-weight: 400; color: var(--soft); line-height: 1.4 }
.heed { list-style: none; margin: .75rem 0; padding: 0; border: 1px solid var(--line); border-radius: .5rem }
.heed > li { padding: .55rem .9rem; border-left: 4px solid var(--lost) } .heed > li + li { border-top: 1px solid var(--line) }
.heed > li:first-child { border-top-left-radius: .5rem } .heed > li:last-child { border-bottom-left-radius: .5rem }
.heed > li.broken { border-left-color: var(--broken) } .heed .names { color: var(--soft); font-size: .875rem }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .5rem 0; padding: 0; font-size: .875rem; color: var(--soft) }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: .15em; margin-right: .4em; vertical-align: -.05em }
.legend i.mark { width: .25em; height: 1em }
.row, summary.row { display: grid; grid-template-columns: 14rem minmax(4rem, 1fr) 15rem; gap: .1rem 1rem; align-items: center; padding: .22rem 0; font-size: .9rem }
.row .name { overflow: hidden; text-overflow: ellipsis } .row .told { color: var(--soft); font-size: .85rem }
.short .bars { columns: 2 26rem; column-gap: 3rem } .short .row { grid-template-columns: 7.5rem minmax(3rem, 1fr) 9.5rem; break-inside: avoid }
svg.bar { display: block; width: 100%; height: 1rem }
.rest { fill: var(--rest); background: var(--rest) } .kept { fill: var(--kept); background: var(--kept) } .held { fill: var(--held); background: var(--held) }
.lost { fill: var(--lost); background: var(--lost) } .broken { fill: var(--broken) } i.broken { background: var(--broken) }
.code { fill: var(--code) } i.code { background: var(--code) } .mark { fill: var(--mark) } i.mark { background: var(--mark) }
details { margin: 0 } summary { cursor: pointer } summary::marker { color: var(--soft) }
.funnel > * { border-bottom: 1px solid var(--line) } .funnel > .row { padding-left: 1.1rem }
.funnel summary { display: grid; grid-template-columns: 14rem minmax(4rem, 1fr) 15rem; gap: .1rem 1rem; align-items: center; padding: .35rem 0 .35rem 1.1rem; font-size: .9rem; position: relative }
.funnel summary::before { content: "\\25b8"; position: absolute; left: 0; color: var(--soft) } .funnel [open] > summary::before { content: "\\25be" }
.funnel summary .told { color: var(--soft); font-size: .85rem } .funnel summary .name { font-weight: 500 }
.inner { padding: .25rem 0 1rem 1.1rem } .inner > p { margin: .25rem 0 }
.inner summary, .plain > summary { display: block; padding: .3rem 0 .3rem 1.1rem; position: relative; font-size: .9rem }
.plain > summary::before { content: "\\25b8"; position: absolute; left: 0; color: var(--soft) } .plain[open] > summary::before { content: "\\25be" }
.inner summary::before { content: "\\25b8"; position: absolute; left: 0; color: var(--soft) } .inner [open] > summary::before { content: "\\25be" }
.example { margin: .5rem 0 .9rem; padding: 0 0 0 .9rem; border-left: 2px solid var(--line); max-width: 60rem }
.example p { margin: 0; font-size: .8rem; color: var(--soft); max-width: none; overflow-wrap: anywhere }
pre { margin: .2rem 0; font: .85rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "Noto Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--panel); border-radius: .35rem; padding: .45rem .6rem; max-height: 14rem; overflow: auto; tab-size: 4 }
.change { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .2rem .6rem }
.change pre.before { border-left: 3px solid var(--lost) } .change pre.after { border-left: 3px solid var(--held) }
mark { background: var(--marked); color: inherit; border-radius: .15em }
.scroll { overflow-x: auto; max-width: 100% }
table { border-collapse: collapse; font-size: .875rem; margin: .5rem 0 } table.wide { width: 100% }
th { text-align: left; color: var(--soft); font-weight: 500; white-space: nowrap; vertical-align: bottom } td, th { padding: .32rem 1rem .32rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td:last-child, th:last-child { padding-right: 0 } tfoot td { font-weight: 600; border-bottom: 0 } tfoot .cut { max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
td small { color: var(--soft) } .name small { color: var(--soft) }
.unmeasured { font-weight: 400 }
.number { text-align: right; white-space: nowrap } td:first-child { white-space: nowrap }
th button { all: unset; cursor: pointer } th button:focus-visible { outline: 2px solid var(--kept); outline-offset: 2px }
th[aria-sort=ascending] button::after { content: " \\2191" } th[aria-sort=descending] button::after { content: " \\2193" }
.cut { max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
td small { color: var(--soft) } .name small { color: var(--soft) }
.unmeasured { color: var(--soft); font-style: italic; font-size: .85em }
.warn { color: var(--broken); font-weight: 600 }
input[type=search] { font: inherit; font-size: .9rem; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .35rem .7rem; width: min(22rem, 100%); margin: .5rem 0 }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.25rem 1.5rem; margin: 1rem 0 } figure { margin: 0 } figcaption { font-size: .85rem } figcaption small { color: var(--soft) }
svg.lengths { display: block; width: 100%; height: 5rem } svg.tall { height: 9rem } .ends { display: flex; justify-content: space-between; color: var(--soft); font-size: .75rem }
.axis { fill: var(--line) }
.source { border-bottom: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 2.2rem } .source > summary .told { color: var(--soft); margin-left: .6rem; font-size: .85rem }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem }
[hidden] { display: none !important }
@media (max-width: 44rem) { body { padding: 1.25rem 1rem 3rem } h1 { font-size: 1.4rem } .figures { grid-template-columns: 1fr 1fr; gap: .5rem } .figures dd { font-size: 1.1rem } .figures div { padding: .5rem .7rem }
  .row, .short .row, .funnel summary { grid-template-columns: 1fr } .row .told, .funnel summary .told { margin-bottom: .25rem } .bars .row { padding: .35rem 0 } }
@media print { :root { color-scheme: light } nav, input[type=search] { display: none } body { max-width: none; padding: 0; font-size: 11pt } h2, h3 { break-after: avoid } .row, .figures div, tr, figure, .example { break-inside: avoid }
  .scroll { overflow: visible } pre { max-height: none } svg { print-color-adjust: exact; -webkit-print-color-adjust: exact } table { font-size: 8pt } td, th { padding-right: .6rem } }
"""


def style() -> str:
    """The content of the page's `<style>`."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; {_set(_DARK)} }} }}"
    return f":root {{ color-scheme: light; {_set(_LIGHT)} }}\n{dark}\n{_RULES}"


def _set(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
