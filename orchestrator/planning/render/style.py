"""The page's style: type, spacing, and one set of colours for light and one for dark.

Colours of parts keep 3 : 1 against their ground, words 4.5 : 1 (WCAG 2.2, 1.4.3 and 1.4.11), and no two parts are told
apart by colour alone: every bar has its name beside it or in its tip.
"""

_LIGHT = {
    "ground": "#ffffff", "panel": "#f6f7f9", "line": "#d5d9e0", "ink": "#1b1f27", "soft": "#565e6c",
    "good": "#17703d", "bad": "#b3261e",
    "c0": "#2f6fb7", "c1": "#bd7100", "c2": "#b8413f", "c3": "#17805f", "c4": "#8450b4", "c5": "#6a7a14", "c6": "#737a85",
    "c7": "#0e7f98", "c8": "#8b5e3c", "c9": "#bb4287", "on": "#ffffff",
}  # fmt: skip
_DARK = {
    "ground": "#14171c", "panel": "#1c2027", "line": "#363c47", "ink": "#e8eaee", "soft": "#a6aebb",
    "good": "#6fd196", "bad": "#ff8a80",
    "c0": "#6ea8e8", "c1": "#f0a640", "c2": "#ec827e", "c3": "#57c7a3", "c4": "#c09be6", "c5": "#b9c95c", "c6": "#9aa2ae",
    "c7": "#58c4dc", "c8": "#cf9f78", "c9": "#ee8cc0", "on": "#14171c",
}  # fmt: skip
COLOURS = 10

_RULES = """
* { box-sizing: border-box }
html { background: var(--ground); color: var(--ink); -webkit-text-size-adjust: 100% }
body { margin: 0 auto; max-width: 66rem; padding: 2.5rem 1.5rem 4rem;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; text-wrap: balance }
h2 { font-size: 1.15rem; margin: 3rem 0 .25rem }
p { margin: .25rem 0 .75rem; max-width: 44rem } .soft, .note { color: var(--soft) } .note { font-size: .875rem }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere }
.verdict { display: inline-block; margin: 1rem 0 .25rem; padding: .3rem .8rem; border: 1.5px solid; border-radius: .4rem; font-weight: 600 }
.good { color: var(--good) } .bad { color: var(--bad) }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1rem 0 0; padding: 0 }
.figures div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem }
.figures dt { color: var(--soft); font-size: .8rem } .figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; line-height: 1.3 }
.figures dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--soft); line-height: 1.4 }
svg { display: block; width: 100%; height: auto; margin: .5rem 0; overflow: visible }
svg text { fill: var(--ink); font-size: 14px; font-family: inherit; paint-order: stroke; stroke: var(--ground); stroke-width: 3px; stroke-linejoin: round } svg .soft { fill: var(--soft) } .pair svg text { font-size: 24px } svg .small { font-size: 12px }
svg .strong { font-weight: 600 } svg .inside { fill: var(--on); font-size: 9.5px; pointer-events: none; stroke: none }
svg .axis { stroke: var(--line); stroke-width: 1 } svg .limit { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 6 3 }
svg .idle { fill: var(--panel); stroke: var(--line); stroke-width: 1 } svg .edge { stroke: var(--ground); stroke-width: .75 }
svg .curve { fill: none; stroke-width: 2.5 } svg .dashed { stroke-dasharray: 7 4 } svg .ideal { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 4; fill: none }
svg .here { fill: none; stroke: var(--ink); stroke-width: 1.5 }
.scroll { overflow-x: auto } .scroll svg { min-width: 40rem }
.map { max-width: none; font-size: .875rem }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 1rem 2rem }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .5rem 0; padding: 0; font-size: .875rem }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: .15em; margin-right: .4em; vertical-align: -.05em }
table { border-collapse: collapse; min-width: 55%; font-size: .9rem; margin: .5rem 0 }
th { text-align: left; color: var(--soft); font-weight: 500; white-space: nowrap } td, th { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
.number { text-align: right; white-space: nowrap } tr.chosen td { font-weight: 600 }
tbody th { font-weight: 400; color: var(--ink) }
details { margin: .5rem 0 } summary { cursor: pointer; color: var(--soft); font-size: .875rem }
@media print { body { max-width: none } h2 { break-after: avoid } svg, table { break-inside: avoid } }
"""


def style() -> str:
    """The content of the page's `<style>`."""
    parts = "\n".join(
        f".p{index} {{ fill: var(--c{index}) }} .s{index} {{ stroke: var(--c{index}) }} .legend .p{index} {{ background: var(--c{index}) }}"
        for index in range(COLOURS)
    )
    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; {_set(_DARK)} }} }}"
    return f":root {{ color-scheme: light; {_set(_LIGHT)} }}\n{dark}\n{_RULES}{parts}"


def _set(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
