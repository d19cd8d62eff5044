// People and bots at one sale that asks for everything: session, ticket, pass, signature, proof.
//
// People arrive at a rate of their own, most of them before the opening; each machine of a strategy goes on to the end.
import { SharedArray } from 'k6/data'
import exec from 'k6/execution'
import type { Options, Scenario } from 'k6/options'
import { type Account, IPV6_OF_100, type MixedAccounts, type MixedRun, SHARED_OF_100 } from '../population.ts'
import { idle, play } from './bots.ts'
import { BROWSERS } from './headers.ts'
import { shop } from './person.ts'
import { Visitor } from './visitor.ts'

const run: MixedRun = JSON.parse(open(`${__ENV.RUN_DIR}/run.json`))
const people = new SharedArray<Account>('people', () => readAccounts().people)
const bots = new SharedArray<Account & { strategy: string }>('bots', () =>
  Object.entries(readAccounts().bots).flatMap(([strategy, accounts]) =>
    accounts.map((account) => ({ ...account, strategy })),
  ),
)

function readAccounts(): MixedAccounts {
  return JSON.parse(open(`${__ENV.RUN_DIR}/accounts.json`)) as MixedAccounts
}

const SLIP_MS = 500
const ENDING_S = 12
const PAY_OF_100 = 50
const PAYS_AFTER_MS: [number, number] = [2000, 6000]
const OFFICES = 4

export const options: Options = { scenarios: scenarios(), summaryTrendStats: ['med', 'p(99)'] }

function scenarios(): Record<string, Scenario> {
  const { size } = run
  const all: Record<string, Scenario> = {
    people: {
      executor: 'constant-arrival-rate',
      exec: 'person',
      rate: size.people,
      timeUnit: `${size.arrive_s}s`,
      duration: `${size.arrive_s * 1000 + SLIP_MS}ms`,
      // each stays to the end of the sale
      preAllocatedVUs: size.people,
      maxVUs: size.people + 20,
      gracefulStop: `${size.opens_after_s + size.sells_s + ENDING_S}s`,
    },
  }
  for (const { name, machines } of run.strategies) {
    all[name] = {
      executor: 'constant-vus',
      exec: 'bot',
      vus: machines,
      duration: `${size.opens_after_s + size.sells_s}s`,
      gracefulStop: `${ENDING_S}s`,
    }
  }
  return all
}

/** The same person has the same address in every run. */
function addressOf(index: number): string {
  const lot = (index * 37) % 100
  const low = (index % 250) + 1
  const high = Math.floor(index / 250)
  if (lot < SHARED_OF_100) return `81.2.69.${(lot % OFFICES) + 1}`
  if (lot < SHARED_OF_100 + IPV6_OF_100) return `2a02:810:${(index + 1).toString(16)}:1::${low.toString(16)}`
  return `91.${high % 200}.${(index * 7) % 250}.${low}`
}

export function person(): void {
  const index = exec.scenario.iterationInTest
  const account = people[index]
  if (account === undefined) return
  const address = addressOf(index)
  const headers = BROWSERS[index % BROWSERS.length] as Record<string, string>
  const [least_ms, most_ms] = PAYS_AFTER_MS
  const will_pay = (index * 37) % 100 < PAY_OF_100
  const pays_after_ms = will_pay ? least_ms + Math.random() * (most_ms - least_ms) : -1
  shop(new Visitor(run, 'person', account, () => address, headers), `person-${index}`, pays_after_ms)
}

let number_in_strategy = -1

export function bot(): void {
  if (Date.now() >= run.ends_ms) {
    idle()
    return
  }
  const { name } = exec.scenario
  const strategy = run.strategies.find((one) => one.name === name)
  if (strategy === undefined) throw new Error(`no strategy ${name}`)
  // k6 numbers its users over all scenarios
  if (number_in_strategy < 0) number_in_strategy = exec.vu.idInInstance % 1000
  const own = bots.filter((one) => one.strategy === name)
  const place = own.length === 0 ? 0 : number_in_strategy % own.length
  const account = own[place]
  const others = own.filter((_, i) => i !== place)
  play({ run, strategy, account, others, number: number_in_strategy })
}

export function handleSummary(data: { metrics: Record<string, { values: Record<string, number> }> }) {
  return { [`${__ENV.RUN_DIR}/summary.json`]: JSON.stringify(data.metrics) }
}
