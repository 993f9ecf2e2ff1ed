// The filter of the runbook index: plain text, no server. Without JavaScript the whole list stays.
(() => {
  const start = () => {
    const input = document.getElementById("sg-filter");
    if (!input || !input.hidden) return;
    input.hidden = false;
    const rows = [...document.querySelectorAll(".sg-runbooks li")].map((row) => [
      row,
      `${row.textContent} ${row.dataset.words || ""}`.toLowerCase(),
    ]);
    const sections = [...document.querySelectorAll(".sg-runbooks section")];
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const [row, text] of rows) row.hidden = !words.every((word) => text.includes(word));
      for (const part of sections) part.hidden = !part.querySelector("li:not([hidden])");
    });
  };
  if (window.document$) window.document$.subscribe(start);
  else document.addEventListener("DOMContentLoaded", start);
})();
