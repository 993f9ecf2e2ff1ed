// The theme's search dialog has a role but no name.
document.querySelector('.md-search[role="dialog"]')?.setAttribute("aria-label", "Search")

// The theme gives every code block a <nav> for its buttons: a landmark each, all without a name.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "none")
}).observe(document.body, { childList: true, subtree: true })

// What scrolls within itself, a table or a block of code, must be reachable by keyboard.
const reachTables = () => {
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap"))
    if (wrap.scrollWidth > wrap.clientWidth) wrap.tabIndex = 0
}
// a phone that is turned makes tables scroll that did not
addEventListener("resize", reachTables)
addEventListener("load", () => {
  reachTables()
  // code in a folded or hidden block has no width yet
  for (const code of document.querySelectorAll(".md-typeset pre > code")) code.tabIndex = 0
})

// The empty corner of a table is no header.
for (const corner of document.querySelectorAll(".md-typeset th:empty")) corner.replaceWith(document.createElement("td"))

// A link to a setting opens what is folded there.
const unfold = () => {
  const place = document.getElementById(location.hash.slice(1))
  const fold = place?.querySelector("details") ?? (place?.matches("tr") && place.nextElementSibling?.querySelector("details"))
  if (fold) fold.open = true
}
addEventListener("hashchange", unfold)
unfold()
