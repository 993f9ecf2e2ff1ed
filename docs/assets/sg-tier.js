// The tier picker: peak requests per second in, tier out. The table of tiers on the page is the data, so
// the page says the same without this script. The choice is kept, and marks the tier's columns elsewhere.
(() => {
  const KEY = "sg-tier"
  const stored = { // storage is refused in some private windows; the page then works without memory
    get() { try { return localStorage.getItem(KEY) } catch { return null } },
    set(tier) { try { tier ? localStorage.setItem(KEY, tier) : localStorage.removeItem(KEY) } catch { /* as above */ } },
  }
  const mark = tier => {
    if (tier) document.documentElement.dataset.sgTier = tier
    else delete document.documentElement.dataset.sgTier
  }
  mark(stored.get())

  const form = document.querySelector(".sg-picker")
  if (!form) return
  const tiers = [...document.querySelectorAll("[data-tier][data-peak]")]
    .map(row => ({ id: row.dataset.tier, peak: Number(row.dataset.peak), title: row.dataset.title }))
    .sort((a, b) => a.peak - b.peak)
  const output = form.querySelector("output")

  const answer = peak => {
    const tier = tiers.find(each => peak <= each.peak)
    mark(tier?.id)
    stored.set(tier?.id)
    const largest = tiers[tiers.length - 1]
    output.textContent = tier
      ? `${tier.title}. Sized for a peak of up to ${tier.peak.toLocaleString("en")} requests per second; its columns are marked on every page.`
      : `Beyond ${largest.title}: this guide is sized for up to ${largest.peak.toLocaleString("en")} requests per second and says nothing about more.`
  }

  form.hidden = false
  form.addEventListener("submit", event => event.preventDefault())
  form.querySelector("input").addEventListener("input", event => {
    const peak = event.target.valueAsNumber
    if (peak > 0) return answer(peak)
    output.textContent = event.target.value === "" ? "" : "Enter a number above 0."
    mark(stored.get())
  })
})()
