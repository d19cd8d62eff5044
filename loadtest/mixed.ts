// People and bots at one sale that asks for everything (population.ts): plays it with k6 and counts who got the units and who was
// refused. What each was told is compared with the ledger as in every load run. `npm run load -- mixed` and `npm run bench -- bots`.
import { createReadStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Attempt, LedgerOrder, SaleRules, Violation } from '../faults/checkers/evidence'
import { isLive } from '../faults/checkers/evidence'
import { checkAll } from '../faults/checkers/index'
import { badLogLines } from '../faults/error-log'
import { readOrders, readTerms, waitForRest } from '../faults/ledger-reader'
import { ROOT } from '../scripts/stack'
import { quantile, rateOf, readPrinted } from './answers'
import { droppedIterations, runK6 } from './k6'
import {
  type Account,
  type MixedAccounts,
  type MixedRun,
  type PopulationSize,
  type PrintedVisit,
  SIZES,
  STRATEGIES,
  type Strategy,
} from './population'
import type { Target } from './target'

const SKU = 'sneaker'
const SESSIONS_PER_CALL = 1000
const REST_TIMEOUT_MS = 60_000
/** k6 needs a while to make its users */
const K6_STARTS_MS = 6000
/** Said of the stock or of the rules of the sale, not of who asks. */
const NO_REFUSAL_OF_A_PERSON = ['sold_out', 'all_held', 'not_enough_left', 'limit_reached', 'not_open', 'ended']

interface MixedResult {
  people: number
  accounts_of_bots: number
  /** of all requests */
  bot_share: number
  requests: number
  /** of the units sold */
  units_to_humans: number
  /** of the people, those who were refused at least once, by whatever but the stock */
  humans_refused: number
  /** codes that people were refused with */
  refused_with: Record<string, number>
  units: { sold: number; people: number }
  /** units by strategy */
  strategies: Record<string, number>
  /** answers by strategy, "ask result" */
  results: Record<string, Record<string, number>>
  /** of people's purchases */
  codes: Record<string, number>
  p50_ms: number
  p99_ms: number
  /** people a second */
  reached_rps: number
  dropped: number
  generator_cpu: number
  orders: number
  violations: Violation[]
}

/** rushgate.json of the repository, for a gate that believes its clients' X-Forwarded-For, as one behind the outer tier does. */
export function mixedConfig(dir: string): string {
  const config = JSON.parse(readFileSync(join(ROOT, 'rushgate.json'), 'utf8')) as Record<string, unknown>
  const file = join(dir, 'rushgate-mixed.json')
  mkdirSync(dir, { recursive: true })
  delete config.$schema
  const clients = { trusted_proxies: ['127.0.0.0/8'], address_from: 'x_forwarded_for' }
  // k6 computes everybody's proofs on the machine that it measures, where each shopper has a phone: a fiftieth of the work
  const challenge = { number_base: 10_000, number_max: 100_000 }
  const plugins = { ...(config.plugins as object | undefined), challenge }
  writeFileSync(file, JSON.stringify({ ...config, clients, plugins }, null, 2))
  return file
}

export async function playMixed(
  k6: string,
  target: Target,
  size: PopulationSize,
  seed: number,
  run_dir: string,
): Promise<MixedResult> {
  rmSync(run_dir, { recursive: true, force: true })
  mkdirSync(run_dir, { recursive: true })
  const accounts = await mintAccounts(target, size)
  const started_ms = Date.now() + K6_STARTS_MS
  const opens_ms = started_ms + size.opens_after_s * 1000
  const sale = await makeSale(target, size, opens_ms)
  const run: MixedRun = {
    gate_url: target.gate_url,
    sale: sale.id,
    sku: SKU,
    size,
    opens_ms,
    ends_ms: opens_ms + size.sells_s * 1000,
    strategies: STRATEGIES,
    seed,
  }
  writeFileSync(join(run_dir, 'run.json'), JSON.stringify(run, null, 1))
  writeFileSync(join(run_dir, 'accounts.json'), JSON.stringify(accounts))
  const generator = await runK6(k6, join(ROOT, 'loadtest/scenarios/mixed.ts'), run_dir, [])
  if (generator.exit_code !== 0) throw new Error(`k6 ended with exit code ${generator.exit_code}`)
  const visits = await readVisits(join(run_dir, 'answers.jsonl'))

  const rested = await waitForRest(target.admin, sale.id, false, REST_TIMEOUT_MS)
  const { terms } = await readTerms(target.admin, sale.id)
  const orders = await readOrders(target.admin, sale.id)
  const violations: Violation[] = checkAll({
    sale,
    attempts: attemptsOf(visits),
    orders,
    terms,
    opened_ms: opens_ms,
    was_paused: false,
    losses_ms: [],
    rest_ms: Date.now(),
  })
  if (!rested) violations.push({ kind: 'lost', what: `not at rest ${REST_TIMEOUT_MS / 1000} s after the last shopper` })
  violations.push(...badLogLines(target.errorLog()))
  return {
    ...counted(visits, orders, accounts),
    people: size.people,
    accounts_of_bots: Object.values(accounts.bots).reduce((sum, list) => sum + list.length, 0),
    dropped: droppedIterations(run_dir),
    generator_cpu: Number((generator.cpu_s / generator.wall_s / availableParallelism()).toFixed(3)),
    violations,
  }
}

async function mintAccounts(target: Target, size: PopulationSize): Promise<MixedAccounts> {
  const accountsOf = ({ accounts }: Strategy) => Math.ceil((accounts * size.people) / SIZES.full.people)
  const wanted = size.people + STRATEGIES.reduce((sum, strategy) => sum + accountsOf(strategy), 0)
  const minted: Account[] = []
  while (minted.length < wanted) {
    const count = Math.min(SESSIONS_PER_CALL, wanted - minted.length)
    const { sessions } = await target.admin<{ sessions: Account[] }>('POST', '/admin/demo-sessions', { count })
    minted.push(...sessions)
  }
  const bots: Record<string, Account[]> = {}
  let from = size.people
  for (const strategy of STRATEGIES) {
    const end = from + accountsOf(strategy)
    bots[strategy.name] = minted.slice(from, end)
    from = end
  }
  return { people: minted.slice(0, size.people), bots }
}

async function makeSale(target: Target, size: PopulationSize, opens_ms: number): Promise<SaleRules> {
  const id = `load-mixed-${Date.now().toString(36)}`
  const sku = { sku: SKU, total: size.units, user_max: 1 }
  await target.admin('POST', '/admin/sales', {
    id,
    title: 'Load: mixed',
    opens_at: new Date(opens_ms).toISOString(),
    closes_at: new Date(opens_ms + 3_600_000).toISOString(),
    skus: [{ ...sku, title: 'Sneaker', price: { amount_minor: 12_900, currency: 'EUR' } }],
    hold_s: 600,
    payment_extension_s: 30,
    gate: {
      signature: true,
      proof: true,
      score: { challenge_from: 30, refuse_from: 80 },
      // all units in a third of the time
      waiting_room: {
        admit_per_s: Math.ceil((3 * size.units) / size.sells_s),
        // who has not paid yet is in checkout too, and half of the people never pay
        checkout_max: size.units,
        draw: true,
      },
    },
  })
  // it opens by itself
  await target.admin('POST', `/admin/sales/${id}/prewarm`)
  return { id, skus: [sku], sale_user_max: 0, hold_attempts_max: 0 }
}

async function readVisits(file: string): Promise<PrintedVisit[]> {
  const visits: PrintedVisit[] = []
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line.startsWith('{"who"')) visits.push(JSON.parse(line) as PrintedVisit)
    else if (line.trim() !== '') console.log(`k6: ${line.slice(0, 300)}`)
  }
  return visits
}

function attemptsOf(visits: PrintedVisit[]): Attempt[] {
  return visits.flatMap(({ user, attempts }) =>
    attempts.map(({ key, answers }) => ({ user, key, sku: SKU, quantity: 1, answers: answers.map(readPrinted) })),
  )
}

type Counted = Omit<MixedResult, 'people' | 'accounts_of_bots' | 'dropped' | 'generator_cpu' | 'violations'>

function counted(visits: PrintedVisit[], orders: LedgerOrder[], accounts: MixedAccounts): Counted {
  const owners = new Map(accounts.people.map(({ user }) => [user, 'person']))
  for (const [name, list] of Object.entries(accounts.bots)) for (const { user } of list) owners.set(user, name)
  const strategies: Record<string, number> = Object.fromEntries(STRATEGIES.map(({ name }) => [name, 0]))
  const units = { sold: 0, people: 0 }
  const live = orders.filter(({ status }) => isLive(status))
  for (const { user, quantity } of live) {
    const owner = owners.get(user)
    if (owner === undefined) throw new Error(`an order of ${user}, who is nobody of this run`)
    units.sold += quantity
    if (owner === 'person') units.people += quantity
    else strategies[owner] = (strategies[owner] ?? 0) + quantity
  }
  const results: Record<string, Record<string, number>> = {}
  let all = 0
  let of_bots = 0
  for (const { who, requests, results: told } of visits) {
    all += requests
    if (who !== 'person') of_bots += requests
    results[who] ??= {}
    const sums = results[who]
    for (const [result, count] of Object.entries(told)) sums[result] = (sums[result] ?? 0) + count
  }
  const people = visits.filter(({ who }) => who === 'person')
  const refused_with: Record<string, number> = {}
  let refused = 0
  for (const { results: told } of people) {
    const codes = Object.keys(told).map((result) => result.slice(result.indexOf(' ') + 1))
    const against = codes.filter((code) => !/^[23]\d\d$/.test(code) && !NO_REFUSAL_OF_A_PERSON.includes(code))
    if (against.length > 0) refused += 1
    for (const code of against) refused_with[code] = (refused_with[code] ?? 0) + 1
  }
  const purchases = people
    .flatMap(({ attempts }) => attempts.flatMap(({ answers }) => answers))
    .filter(([ask]) => ask === 'reserve')
  const latencies = purchases.map(([, , , latency_ms]) => latency_ms)
  const codes: Record<string, number> = {}
  for (const [, , , , http, code] of purchases) {
    const name = http === 0 ? 'no answer' : code === '' ? String(http) : code
    codes[name] = (codes[name] ?? 0) + 1
  }
  return {
    requests: all,
    bot_share: share(of_bots, all),
    units_to_humans: share(units.people, units.sold),
    humans_refused: share(refused, people.length),
    refused_with,
    units,
    strategies,
    results,
    codes,
    reached_rps: rateOf(people.map(({ began_ms }) => began_ms).sort((a, b) => a - b)),
    p50_ms: Number(quantile(latencies, 0.5).toFixed(2)),
    p99_ms: Number(quantile(latencies, 0.99).toFixed(2)),
    orders: live.length,
  }
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Number((part / whole).toFixed(4))
}
