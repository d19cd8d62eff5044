// The strategies of population.ts, played. Each call is one visit of one machine; it ends by itself after a while or with the sale.
import { sleep } from 'k6'
import type { Account, MixedRun, Strategy } from '../population.ts'
import { BROWSERS, GO, PRETENDED_BROWSER, PRETENDED_CRAWLER, PYTHON } from './headers.ts'
import { shop } from './person.ts'
import { type Ask, type Purchase, pause, Visitor } from './visitor.ts'

/** a visit is reported at its end, so none is long */
const ROUND_MS = 5000
/** before the opening */
const READY_MS = 1000

interface Machine {
  run: MixedRun
  strategy: Strategy
  account: Account | undefined
  /** of the strategy's accounts, those that are not this machine's */
  others: Account[]
  /** from 0 */
  number: number
}

export function play(machine: Machine): void {
  const one = PLAYS[machine.strategy.name]
  if (one === undefined) throw new Error(`no strategy ${machine.strategy.name}`)
  one(machine)
}

/** Addresses of hosting companies, one a machine. */
function hosted(machine: Machine): string {
  const { name } = machine.strategy
  return `45.${name.charCodeAt(0) % 64}.${name.length}.${(machine.number % 250) + 1}`
}

function visitorOf(machine: Machine, headers: Record<string, string>, address = () => hosted(machine)): Visitor {
  return new Visitor(machine.run, machine.strategy.name, machine.account, address, headers)
}

function untilRoundEnds(machine: Machine, visitor: Visitor, step: () => void): void {
  const end_ms = Math.min(Date.now() + ROUND_MS, machine.run.ends_ms)
  try {
    while (Date.now() < end_ms) {
      step()
      if (machine.strategy.pause_ms > 0) sleep(machine.strategy.pause_ms / 1000)
    }
  } finally {
    visitor.leave()
  }
}

/** The whole protocol without patience: ticket, polls at its own pace, proof, purchase; what it has, it keeps for the next visit. */
interface Hunt {
  ticket: string
  pass: string
  proof: string
  tried: number
}

let hunt: Hunt = { ticket: '', pass: '', proof: '', tried: 0 }

function hunting(visitor: Visitor, machine: Machine): void {
  if (hunt.ticket === '') {
    hunt.ticket = visitor.enter()
    return
  }
  if (hunt.pass === '') {
    const { body } = visitor.pollTicket(hunt.ticket)
    if (body.pass !== undefined) hunt.pass = body.pass
    else if (body.status === 'expired' || body.code !== undefined) hunt.ticket = ''
    return
  }
  if (hunt.proof === '') hunt.proof = visitor.prove()
  const key = `${machine.strategy.name}-${machine.number}-${hunt.tried}`
  const { body } = visitor.tell(visitor.purchase(key, { pass: hunt.pass, proof: hunt.proof, is_signed: true }))
  hunt.tried += 1
  // one unit is never enough
  if (body.reservation !== undefined) hunt = { ...hunt, ticket: '', pass: '', proof: '' }
  else if (body.code === 'pass_required') hunt = { ...hunt, ticket: '', pass: '' }
  else if (body.code === 'proof_required') hunt = { ...hunt, proof: '' }
}

function fast(machine: Machine): void {
  const early_ms = machine.run.opens_ms - READY_MS - Date.now()
  const visitor = visitorOf(machine, GO)
  if (early_ms > 0) sleep(early_ms / 1000)
  untilRoundEnds(machine, visitor, () => hunting(visitor, machine))
}

function slow(machine: Machine): void {
  const visitor = visitorOf(machine, BROWSERS[machine.number % BROWSERS.length] as Record<string, string>)
  shop(visitor, `slow-${machine.number}-${Date.now()}`, -1)
}

function cookieless(machine: Machine): void {
  const visitor = visitorOf(machine, PYTHON)
  const means: Purchase = { pass: '', proof: '', is_signed: false }
  let turn = machine.number
  untilRoundEnds(machine, visitor, () => {
    turn += 1
    if (turn % 3 === 0) visitor.enter()
    else if (turn % 3 === 1) visitor.tell(visitor.purchase(`cookieless-${machine.number}-${turn}`, means))
    else visitor.prove()
  })
}

function ipv6Farm(machine: Machine): void {
  const part = () => Math.floor(Math.random() * 65536).toString(16)
  const visitor = visitorOf(machine, GO, () => `2001:db8:77:${part()}:${part()}::1`)
  untilRoundEnds(machine, visitor, () => hunting(visitor, machine))
}

/** of mixed.ts' people, the first office */
const SHARED_ADDRESS = '81.2.69.1'

function sharedAddress(machine: Machine): void {
  const visitor = visitorOf(machine, BROWSERS[1] as Record<string, string>, () => SHARED_ADDRESS)
  untilRoundEnds(machine, visitor, () => hunting(visitor, machine))
}

function tokenSharing(machine: Machine): void {
  const visitor = visitorOf(machine, BROWSERS[0] as Record<string, string>)
  untilRoundEnds(machine, visitor, () => hunting(visitor, machine))
}

const TICKETS_IN_DRAW = 100

function nativeProof(machine: Machine): void {
  const visitor = visitorOf(machine, BROWSERS[3] as Record<string, string>)
  let asked = 0
  untilRoundEnds(machine, visitor, () => {
    if (Date.now() < machine.run.opens_ms && asked < TICKETS_IN_DRAW) {
      asked += 1
      hunt.ticket = visitor.enter()
    } else {
      hunting(visitor, machine)
    }
  })
}

/** what was answered with success, to be sent again */
const taken: Ask[] = []

function replay(machine: Machine): void {
  const visitor = visitorOf(machine, BROWSERS[1] as Record<string, string>)
  const thieves = machine.others.map(
    (account) =>
      new Visitor(machine.run, 'replay', account, () => hosted(machine), BROWSERS[1] as Record<string, string>),
  )
  let turn = 0
  untilRoundEnds(machine, visitor, () => {
    turn += 1
    const before = hunt
    if (taken.length === 0) {
      if (hunt.pass === '') return hunting(visitor, machine)
      if (hunt.proof === '') hunt.proof = visitor.prove()
      const key = `replay-${machine.number}-${hunt.tried}`
      const ask = visitor.purchase(key, { pass: before.pass, proof: hunt.proof, is_signed: true })
      hunt.tried += 1
      if (visitor.tell(ask).body.reservation === undefined) hunt = { ...hunt, ticket: '', pass: '', proof: '' }
      else taken.push(ask)
      return
    }
    const ask = taken[turn % taken.length] as Ask
    if (turn % 2 === 0) {
      // under another key, which the signature does not cover
      const key = `replay-${machine.number}-again-${turn}`
      visitor.tell({ ...ask, key, headers: { ...ask.headers, 'Idempotency-Key': key } })
    } else {
      // by another session: everything else byte by byte
      const thief = thieves[turn % thieves.length] ?? visitor
      thief.tell(ask)
    }
  })
  for (const thief of thieves) if (thief.visit.requests > 0) thief.leave()
}

function pretender(machine: Machine): void {
  const headers = machine.number % 2 === 0 ? PRETENDED_BROWSER : PRETENDED_CRAWLER
  const visitor = visitorOf(machine, headers)
  untilRoundEnds(machine, visitor, () => hunting(visitor, machine))
}

function scraper(machine: Machine): void {
  const visitor = visitorOf(machine, PYTHON)
  untilRoundEnds(machine, visitor, () => {
    visitor.look()
  })
}

const PLAYS: Record<string, (machine: Machine) => void> = {
  fast,
  slow,
  cookieless,
  ipv6_farm: ipv6Farm,
  shared_address: sharedAddress,
  token_sharing: tokenSharing,
  native_proof: nativeProof,
  replay,
  pretender,
  scraper,
}

/** A moment for those who have nothing to do. */
export function idle(): void {
  pause(1000)
}
