// The theme's search dialog has a role but no name.
document.querySelector('.md-search[role="dialog"]')?.setAttribute("aria-label", "Search")
