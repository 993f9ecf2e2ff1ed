// The tier of the reader: found from a peak of requests per second, or picked beside a config file. It is kept,
// and on every page its columns are marked and its config files are shown. Without this script pages show
// the config files of one tier, and what the others have instead.
(() => {
  const KEY = "sg-tier"
  const stored = { // storage is refused in some private windows; the page then works without memory
    get() { try { return localStorage.getItem(KEY) } catch { return null } },
    set(tier) { try { tier ? localStorage.setItem(KEY, tier) : localStorage.removeItem(KEY) } catch { /* as above */ } },
  }
  const mark = tier => {
    if (tier) document.documentElement.dataset.sgTier = tier
    else delete document.documentElement.dataset.sgTier
    pressed()
  }

  // ---------------------------------------------------------------------------------------- config files
  const LETTERS = { small: "s", medium: "m", large: "l" }
  const picks = [...document.querySelectorAll("[data-pick]")]

  // the lines of a listing, each with the letters of the tiers that have it
  const lines = code => [...code.childNodes].flatMap(node => {
    if (node.nodeName === "I") return []
    const letters = node.classList?.contains("t") ? [...node.classList].filter(name => name.length === 1 && name !== "t" && name !== "r") : ["s", "m", "l"]
    return node.textContent.replace(/\n$/, "").split("\n").map(text => ({ text, letters }))
  })

  // what `to` has in place of what `from` has, with one line around each difference
  const diff = (all, from, to) => {
    const both = all.filter(line => line.letters.includes(from) || line.letters.includes(to))
    const sign = line => !line.letters.includes(to) ? "-" : !line.letters.includes(from) ? "+" : " "
    const near = both.map((_, at) => [at - 1, at, at + 1].some(n => both[n] && sign(both[n]) !== " "))
    return both.flatMap((line, at) => !near[at] ? [] : [...(at && !near[at - 1] ? ["..."] : []), sign(line) + line.text])
  }

  const pressed = () => {
    for (const pick of picks) {
      const tier = document.documentElement.dataset.sgTier ?? pick.closest(".sg-config").querySelector("[data-first]").dataset.first
      pick.setAttribute("aria-pressed", String(pick.dataset.pick === tier))
    }
    for (const fold of document.querySelectorAll(".sg-diffs")) {
      const code = fold.closest(".sg-config").querySelector("[data-first]"), all = lines(code)
      const tier = document.documentElement.dataset.sgTier ?? code.dataset.first
      const blocks = fold.querySelectorAll("code")
      const others = Object.keys(LETTERS).filter(other => other !== tier)
      others.forEach((other, at) => {
        const found = diff(all, LETTERS[tier], LETTERS[other])
        const block = blocks[at] ?? fold.appendChild(document.createElement("pre")).appendChild(document.createElement("code"))
        block.textContent = found.length ? [`--- ${tier}`, `+++ ${other}`, ...found].join("\n") : `${other} is as ${tier}`
      })
    }
  }
  for (const group of document.querySelectorAll(".sg-pick")) group.hidden = false
  for (const pick of picks) pick.addEventListener("click", () => {
    const top = pick.getBoundingClientRect().top
    stored.set(pick.dataset.pick)
    mark(pick.dataset.pick)
    scrollBy(0, pick.getBoundingClientRect().top - top) // listings above it may have grown
  })
  mark(stored.get())

  // --------------------------------------------------------------------------------------- the calculator
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
