// The search box finds what people have in hand: a message pasted whole, an alert, a parameter, a question. What
// it knows by name is assets/sg-find-data.js, written by the build; the text of the pages is the theme's own index.
// Both are loaded when the box is opened. The best page of all is first, the theme's results stand below.
(() => {
  // ------------------------------------------------------------------------------------------- the engine
  const KINDS = { // how much a match is worth, and what it is called
    message: [1.5, "message"], alert: [1.7, "alert"], runbook: [1.45, "runbook"], setting: [1.2, "setting"],
    reading: [.8, "reading"], question: [1.3, "question"], page: [1.4, "topic"], pitfall: [1.1, "pitfall"],
    section: [1, "section"], text: [.6, "text"],
  }
  const IN_A_HURRY = 1.15 // runbooks are read by people on call, who are the ones that search
  const AN_OVERVIEW = .5 // pages that name everything and explain nothing
  const SAME = { // what is typed, and what pages say
    oom: "out of memory", pg: "postgres", postgresql: "postgres", psql: "postgres", db: "database", lb: "load balancer",
    ssl: "tls", tls: "ssl", cert: "certificate", certs: "certificate", conn: "connection", conns: "connection",
    repl: "replication", mem: "memory", "502": "bad gateway", "503": "service unavailable", "504": "gateway timeout",
    "429": "too many requests", enospc: "no space left on device", emfile: "too many open files",
    etimedout: "connection timed out", econnrefused: "connection refused", econnreset: "connection reset",
    eaddrnotavail: "cannot assign requested address", k8s: "kubernetes", perf: "performance", config: "configuration",
    slow: "latency", hang: "timeout", hangs: "timeout", master: "primary", slave: "replica", failover: "promotion",
    lag: "behind", cwv: "web vitals", latency: "slow", disk: "space", evicted: "evictions", roundrobin: "round robin",
    pagination: "paging keyset page", keyset: "paging key", p99: "percentile latency slow", p95: "percentile latency slow",
    cursor: "keyset paging", "n+1": "query for each row", goaway: "http/2", throttled: "quota throttling",
  }
  const STOP = new Set("a an the of to in on for is are was were be by with from at and or it its this that as not no can may do does did how what why when which who i we you my our has have had will would should too".split(" "))
  const plain = text => text.toLowerCase().replace(/[\u2018\u2019`"'()[\]{}<>,;:!?|\\=*]+/g, " ").replace(/\s+/g, " ").trim()
  const stem = word => word.length < 5 || /[\d_]/.test(word) ? word
    : word.replace(/ies$/, "y").replace(/(ss|us)$|s$/, "$1").replace(/([a-z]{3,})(?:ing|ed)$/, "$1").replace(/([a-z]{3,})e$/, "$1")
  const cut = text => plain(text.replace(/([a-z])([A-Z])/g, "$1 $2")).split(/[\s/]+/).map(word => word.replace(/^[.\-#&%]+|[.\-]+$/g, "")).filter(Boolean)
  const tokens = text => {
    const found = []
    for (const word of new Set([...cut(text), ...plain(text).split(/[\s/]+/)])) {
      found.push(stem(word))
      if (/[_.@-]/.test(word)) for (const part of word.split(/[_.@-]+/)) if (part) found.push(stem(part))
    }
    return found
  }

  class Finder {
    entries = []; postings = new Map(); length = 0; byName = new Map()

    add(kind, title, address, words = "", body = "", pattern = "") {
      const entry = { kind, title, address, phrase: ` ${plain(title)} ${plain(words)} `, name: plain(title), body, plainBody: plain(body), number: this.entries.length, size: 0 }
      if (pattern) try { entry.pattern = new RegExp(pattern) } catch { /* a form that only Python knows */ }
      this.entries.push(entry)
      const weights = new Map()
      const count = (text, weight) => { for (const token of tokens(text)) weights.set(token, (weights.get(token) ?? 0) + weight) }
      count(title, 3); count(words, 2); count(body, kind === "text" ? 1 : .6)
      for (const [token, weight] of weights) {
        if (!this.postings.has(token)) this.postings.set(token, [])
        this.postings.get(token).push([entry.number, weight])
        entry.size += Math.min(weight, 4)
      }
      this.length += entry.size
      if (!this.byName.has(entry.name)) this.byName.set(entry.name, [])
      this.byName.get(entry.name).push(entry)
    }

    // the postings of a word as it is typed: itself, what it begins, or what it is one letter away from
    near(token, last) {
      const exact = this.postings.get(token)
      const found = exact ? [[exact, 1]] : []
      if (token.length < 3) return found
      const words = this.beginning(token)
      if (last || !exact) for (const other of words)
        if (other !== token && other.startsWith(token)) found.push([this.postings.get(other), exact ? .4 : .8])
      if (!found.length && token.length > 4) for (const other of words)
        if (Math.abs(other.length - token.length) < 2 && isOneOff(token, other)) found.push([this.postings.get(other), .6])
      return found
    }

    // the words that begin with the same two letters
    beginning(token) {
      if (this.known !== this.postings.size) {
        this.known = this.postings.size
        this.starts = new Map()
        for (const word of this.postings.keys()) {
          const start = word.slice(0, 2)
          if (!this.starts.has(start)) this.starts.set(start, [])
          this.starts.get(start).push(word)
        }
      }
      return this.starts.get(token.slice(0, 2)) ?? []
    }

    find(query, most = 6) {
      const asked = plain(query)
      if (asked.length < 2) return []
      const all = [...new Set(cut(query).map(stem))]
      const words = all.filter(word => !STOP.has(word))
      const typed = (words.length ? words : all).slice(0, 40)
      const last = cut(query).map(stem).at(-1)
      const wanted = typed.map(word => [word, 1])
      for (const word of new Set(cut(query))) for (const part of tokens(SAME[word] ?? "")) if (!typed.includes(part)) wanted.push([part, .35])
      const scores = new Map(), covered = new Map()
      const average = this.length / this.entries.length || 1
      let total = 0
      for (const [word, share] of wanted) {
        const lists = this.near(word, word === last && !/\s$/.test(query))
        const many = lists.reduce((sum, [list]) => sum + list.length, 0)
        const rarity = Math.log(1 + this.entries.length / (1 + (lists.length === 1 ? many : Math.max(...lists.map(([list]) => list.length), 1))))
        if (share === 1) total += rarity
        const best = new Map()
        for (const [list, close] of lists) for (const [number, weight] of list) {
          const value = close * weight
          if (value > (best.get(number) ?? 0)) best.set(number, value)
        }
        for (const [number, value] of best) {
          const size = this.entries[number].size
          const worth = share * rarity * value * 2.2 / (value + 1.2 * (.4 + .6 * size / average))
          scores.set(number, (scores.get(number) ?? 0) + worth)
          if (share === 1) covered.set(number, (covered.get(number) ?? 0) + rarity)
        }
      }
      const ranked = []
      for (const [number, score] of scores) {
        const entry = this.entries[number]
        const part = total ? (covered.get(number) ?? 0) / total : 0
        const urgent = /^[^/]*\/?(#|$)/.test(entry.address) ? AN_OVERVIEW : entry.address.startsWith("runbooks/") ? IN_A_HURRY : 1
        ranked.push([entry, score * (.15 + part * part) * KINDS[entry.kind][0] * urgent])
      }
      // of the messages in a line, the one that says most
      for (const entry of this.entries) if (entry.pattern) {
        const held = entry.pattern.exec(query)
        if (held) ranked.push([entry, 1000 + held[0].length * KINDS[entry.kind][0]])
      }
      for (const entry of this.byName.get(asked) ?? []) ranked.push([entry, 500 * KINDS[entry.kind][0]])
      ranked.sort((one, other) => other[1] - one[1])
      // a phrase is looked for where words already lead
      for (const pair of ranked.slice(0, 120)) {
        const [entry] = pair
        if (asked.includes(" ") || /\W/.test(asked)) {
          if (entry.phrase.includes(asked)) pair[1] *= entry.name.startsWith(asked) ? 2.4 : 2
          else if (entry.plainBody.includes(asked)) pair[1] *= 1.5
        }
        if (entry.name.length > 5 && ` ${asked} `.includes(` ${entry.name} `)) pair[1] *= 1.6
      }
      ranked.sort((one, other) => other[1] - one[1])
      const pages = new Map()
      // a page that says more of it than one sentence is worth more
      for (const [entry, score] of ranked.slice(0, 200)) {
        const page = entry.address.split("#")[0], known = pages.get(page)
        if (!known) pages.set(page, { entry, score, further: 1 })
        else known.score += score * (known.further *= .4)
      }
      const found = [...pages.values()].sort((one, other) => other.score - one.score).slice(0, most)
      return found.filter(({ score }, at) => score > .8 && (at < 3 || score > .12 * found[0].score))
    }
  }

  const isOneOff = (one, other) => {
    let at = 0
    while (at < one.length && one[at] === other[at]) at++
    return one.slice(at + 1) === other.slice(at) || one.slice(at) === other.slice(at + 1) || one.slice(at + 1) === other.slice(at + 1)
      || (one[at] === other[at + 1] && one[at + 1] === other[at] && one.slice(at + 2) === other.slice(at + 2))
  }

  globalThis.sgFind = { Finder, tokens }
  if (typeof document === "undefined") return

  // --------------------------------------------------------------------------------------------- the box
  const input = document.querySelector(".md-search__input"), result = document.querySelector(".md-search-result")
  if (!input || !result) return
  const { base } = JSON.parse(document.getElementById("__config").textContent)
  const root = new URL(`${base.replace(/\/$/, "")}/`, location.href)
  const finder = new Finder()
  const box = document.createElement("div")
  box.className = "sg-find"
  box.hidden = true
  let loading

  const script = path => new Promise((done, failed) => {
    const element = document.createElement("script")
    element.src = new URL(path, root)
    element.addEventListener("load", done)
    element.addEventListener("error", failed)
    document.head.append(element)
  })
  const bare = html => html.replace(/<[^>]*>/g, " ").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&#x27;/g, "'").replace(/&amp;/g, "&")
  const pause = () => new Promise(done => setTimeout(done))

  const load = async () => {
    await script("assets/sg-find-data.js")
    for (const row of globalThis.sgFindData) finder.add(...row)
    answer()
    // pages from disk have their index in a script
    const index = globalThis.__index ? await globalThis.__index : await (await fetch(new URL("search/search_index.json", root))).json()
    let number = 0
    for (const { location, title, text } of index.docs) {
      finder.add("text", bare(title), location, "", bare(text))
      if (++number % 40 === 0) await pause()
    }
    box.dataset.complete = ""
    answer()
  }
  const start = () => { loading ??= load().catch(error => console.warn("search by name is not there:", error)) }

  const line = ({ entry, score }) => {
    const item = document.createElement("li"), link = document.createElement("a"), article = document.createElement("article")
    link.href = new URL(entry.address, root)
    link.className = "md-search-result__link sg-find__link"
    article.dataset.mdScore = String(1e6 + score) // Enter goes to the best of all
    const kind = document.createElement("span"), title = document.createElement("strong"), about = document.createElement("span")
    kind.className = "sg-find__kind"
    kind.textContent = KINDS[entry.kind][1]
    title.textContent = entry.title
    about.className = "sg-find__about"
    about.textContent = entry.body.trim().slice(0, 140)
    article.append(kind, " ", title, " ", about)
    link.append(article)
    item.append(link)
    return item
  }

  const answer = () => {
    const found = finder.find(input.value)
    box.dataset.query = input.value
    box.hidden = !found.length
    box.replaceChildren()
    if (!found.length) return
    const list = document.createElement("ol")
    list.append(...found.map(line))
    box.append(list)
  }

  addEventListener("load", () => {
    // between the theme's heading and its list, which it takes by their place; the style sheet puts it on top
    result.insertBefore(box, result.lastElementChild)
    input.addEventListener("focus", start)
    input.addEventListener("input", () => { start(); answer() })
    if (document.activeElement === input || input.value) { start(); answer() }
  })
})()
