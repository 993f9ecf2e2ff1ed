// The theme's search dialog has a role but no name.
document.querySelector('.md-search[role="dialog"]')?.setAttribute("aria-label", "Search")

// The theme gives every code block a <nav> for its buttons: a landmark each, all without a name.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "none")
}).observe(document.body, { childList: true, subtree: true })
