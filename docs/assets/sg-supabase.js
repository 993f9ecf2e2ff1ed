// The next step on Supabase and its price: the arithmetic of scaling_guide/capacity/supabase.py, with the
// numbers of data/plans/supabase.yml, which the page carries. The page says the same without this script for
// the inputs that it shows.
(() => {
  // half a cent goes up, whatever binary fractions make of it
  const cents = amount => Math.floor(Number((amount * 100).toFixed(6)) + 0.5) / 100

  const compute = (sold, name) => {
    const priced = Object.values(sold.compute).map(size => size.monthly).filter(price => price > 0)
    return Math.max(sold.compute[name].monthly, Math.min(...priced))
  }

  const over = (sold, plan, name, amount) => {
    const meter = sold.meters[name]
    return Math.max(0, amount - meter.included[plan]) / meter.per * meter.price
  }

  // dollars a month, null where the price is agreed on
  const bill = (sold, usage) => {
    const plan = sold.plans[usage.plan]
    if (plan.monthly === null) return null
    if (!plan.monthly) return 0
    const disk = sold.disk, server = compute(sold, usage.compute)
    const performance = usage.extra_iops * disk.per_iops + usage.extra_mb_per_second * disk.per_mb_per_second
    const addresses = usage.addons.includes("ipv4") ? sold.addons.ipv4.monthly : 0
    const replica = server + usage.disk_gb * disk.replica_factor * disk.per_gb + performance + addresses
    const sum = numbers => numbers.reduce((total, number) => total + number, 0)
    return cents(
      plan.monthly + server - Math.min(plan.compute_credits, server)
      + Math.max(0, usage.disk_gb - disk.included_gb) * disk.per_gb
      + performance + usage.replicas * replica
      + sum(usage.addons.map(name => sold.addons[name].monthly))
      + sum(Object.entries(usage.metered).map(([name, amount]) => over(sold, usage.plan, name, amount))))
  }

  const step = (sold, kind, usage, to, reasons) => {
    const before = bill(sold, usage), after = bill(sold, to)
    return { kind, to, reasons, monthly: before === null || after === null ? null : cents(after - before) }
  }

  const named = found => found.filter(([, isTrue]) => isTrue).map(([reason]) => reason)

  const lacking = (sold, name, usage, seen) => {
    const plan = sold.plans[name], share = sold.rules.quota_used
    const spent = plan.monthly !== 0 ? [] : Object.entries(usage.metered).map(([meter, amount]) =>
      [`${sold.meters[meter].title.toLowerCase()} nears the plan's quota`, amount > share * sold.meters[meter].included[name]])
    return named([
      ["a project in production must not pause", seen.production && plan.pauses],
      ["the database nears the plan's quota", plan.database_gb !== null && seen.database_gb > share * plan.database_gb],
      ["older logs are needed", seen.log_days > plan.log_days],
      ["older backups are needed", plan.backup_days !== null && seen.backup_days > plan.backup_days],
      ["auditors or single sign-on ask for it", seen.audited && !plan.audited],
      ...spent,
    ])
  }

  const pressure = (sold, usage, seen) => named([
    ["CPU", seen.cpu > sold.rules.cpu],
    ["connections", seen.connections > sold.rules.connections],
    ["disk throughput", seen.io_budget > sold.rules.io_budget],
    ["memory, told by the cache", seen.cache_hit < sold.rules.cache_hit],
    ["the database is larger than the size is meant for", seen.database_gb > sold.compute[usage.compute].database_gb],
  ])

  const anotherPlan = (sold, usage, seen, reasons) => {
    const names = Object.keys(sold.plans)
    const name = names.slice(names.indexOf(usage.plan) + 1).find(each => !lacking(sold, each, usage, seen).length)
    if (name === undefined) return { kind: "beyond", to: usage, reasons, monthly: null }
    const priced = Object.keys(sold.compute).filter(size => sold.compute[size].monthly > 0)
    // without a price there is one size only, and it is not to be had in another plan
    const kept = sold.plans[usage.plan].monthly !== 0 && priced.includes(usage.compute)
    const size = kept ? usage.compute : priced[0]
    return step(sold, "plan", usage, { ...usage, plan: name, compute: size }, reasons)
  }

  const morePower = (sold, usage, seen, reasons) => {
    const names = Object.keys(sold.compute), next = names[names.indexOf(usage.compute) + 1]
    const bigger = next && step(sold, "compute", usage, { ...usage, compute: next }, reasons)
    const onlyCpu = reasons.length === 1 && reasons[0] === "CPU"
    if (onlyCpu && seen.reads >= sold.rules.reads_for_replica && usage.replicas < sold.compute[usage.compute].replicas) {
      const beside = step(sold, "replica", usage, { ...usage, replicas: usage.replicas + 1 }, reasons)
      if (!bigger || (beside.monthly ?? 0) < (bigger.monthly ?? 0)) return beside
    }
    return bigger || { kind: "beyond", to: usage, reasons, monthly: null }
  }

  const nextStep = (sold, usage, seen) => {
    const lacks = lacking(sold, usage.plan, usage, seen)
    if (lacks.length) return anotherPlan(sold, usage, seen, lacks)
    if (sold.plans[usage.plan].monthly !== 0 && seen.disk_used > sold.rules.disk_used) {
      const larger = { ...usage, disk_gb: Math.ceil(usage.disk_gb * (1 + sold.disk.grows_by)) }
      return step(sold, "disk", usage, larger, ["the disk is nearly full"])
    }
    const reasons = pressure(sold, usage, seen)
    if (!reasons.length) return { kind: "stay", to: usage, reasons, monthly: 0 }
    if (!seen.tuned) return { kind: "tune", to: usage, reasons, monthly: 0 }
    return morePower(sold, usage, seen, reasons)
  }

  globalThis.sgSupabase = { bill, nextStep }
  if (typeof document === "undefined") return
  const form = document.querySelector(".sg-supabase")
  if (!form) return
  const { sold, words, usage, seen } = JSON.parse(document.getElementById("sg-supabase-data").textContent)
  const output = form.querySelector("output")
  const fields = [...form.querySelectorAll("[data-of]")]

  const value = input => {
    if (input.type === "checkbox") return input.checked
    if (input.tagName === "SELECT") return input.value
    const number = input.valueAsNumber
    return Number.isFinite(number) && number >= 0 ? number / (input.dataset.percent === undefined ? 1 : 100) : null
  }
  const dollars = amount => `$${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
  const price = amount => amount === null ? "The price is agreed on with Supabase."
    : amount === 0 ? "It costs nothing." : `It adds ${dollars(amount)} a month.`

  const answer = () => {
    const given = { usage: { ...usage, metered: { ...usage.metered } }, seen: { ...seen } }
    for (const input of fields) {
      const read = value(input)
      if (read === null) { output.textContent = "Each field needs a number of 0 or more."; return }
      if (input.dataset.of === "metered") given.usage.metered[input.name] = read
      else given[input.dataset.of][input.name] = read
    }
    const found = nextStep(sold, given.usage, given.seen), total = bill(sold, given.usage)
    const because = found.reasons.length ? ` Because: ${found.reasons.join("; ")}.` : ""
    const target = words[found.kind]
      .replace("{plan}", sold.plans[found.to.plan].title)
      .replace("{compute}", sold.compute[found.to.compute].title)
      .replace("{disk}", found.to.disk_gb.toLocaleString("en"))
      .replace("{replicas}", found.to.replicas)
    const now = total === null ? "" : ` You pay ${dollars(total)} now.`
    output.textContent = `${target}${because} ${price(found.monthly)}${now}`
  }

  form.hidden = false
  form.addEventListener("submit", event => event.preventDefault())
  form.addEventListener("input", answer)
})()
