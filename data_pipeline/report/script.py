"""The page's script: tables sort by a press on a head, a field narrows the sources, a link opens what it leads to,
and languages get the names that the browser has for them.

Everything is there and can be read without it.
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
    const number = head.classList.contains("number");
    const down = head.ariaSort ? head.ariaSort !== "descending" : number;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.ariaSort = down ? "descending" : "ascending";
    const key = number ? row => row.cells[place].dataset.v === undefined ? null : +row.cells[place].dataset.v : row => row.cells[place].textContent;
    const compare = number ? (a, b) => a - b : new Intl.Collator("en", { numeric: true }).compare;
    const rows = [...body.rows].map(row => [key(row), row]);
    rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null) : down ? compare(b, a) : compare(a, b));
    body.append(...rows.map(([, row]) => row));
  }));
}
for (const field of document.querySelectorAll("input[data-narrows]")) {
  field.hidden = false;
  field.addEventListener("input", () => {
    const asked = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    for (const each of document.querySelectorAll(field.dataset.narrows)) {
      const text = (each.dataset.words || each.textContent).toLowerCase();
      each.hidden = !asked.every(word => text.includes(word));
    }
  });
}
const languages = new Intl.DisplayNames(["en"], { type: "language" });
for (const each of document.querySelectorAll("[data-language]")) {
  const code = each.textContent, name = /^[a-z]{2,3}$/.test(code) ? languages.of(code) : code;
  if (name === code) continue;
  const small = document.createElement("small");
  small.textContent = name;
  each.after(" ", small);
}
const reveal = () => {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") { at.open = true; at.hidden = false; }
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();
"""
