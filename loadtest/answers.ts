// From the lines that k6 printed to what the checkers and the report need.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { RefusalCode, ReservationStatus } from '../contract/codes'
import type { Answer, Ask, Attempt } from '../faults/checkers/evidence'
import type { PrintedAnswer, PrintedBeginning, PrintedShopper } from './run-file'

/** One request for the figures: what, when, how long, and with which result. */
export interface Sample {
  ask: Ask
  sent_ms: number
  latency_ms: number
  /** code of a refusal, or the HTTP status, or `no answer` */
  result: string
}

interface Collected {
  attempts: Attempt[]
  samples: Sample[]
  /** when each shopper came */
  arrivals_ms: number[]
  /** shoppers who had begun when k6 ended: what they were told is not known */
  cut_off: number
}

export async function collectAnswers(file: string, users: string[], sku: string, quantity: number): Promise<Collected> {
  const collected: Collected = { attempts: [], samples: [], arrivals_ms: [], cut_off: 0 }
  const begun = new Map<number, number>()
  const userOf = (index: number): string => {
    const user = users[index]
    if (user === undefined) throw new Error(`the scenario printed shopper ${index}, there are ${users.length}`)
    return user
  }
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (!line.startsWith('[')) continue // a warning of k6's own
    const [index, printed] = JSON.parse(line) as PrintedBeginning | PrintedShopper
    const user = userOf(index)
    if (typeof printed === 'number') {
      begun.set(index, printed)
      continue
    }
    begun.delete(index)
    const answers = printed.map(readPrinted)
    collected.attempts.push({ user, key: `load-${index}`, sku, quantity, answers })
    const first = answers[0]
    if (first !== undefined) collected.arrivals_ms.push(first.sent_ms)
    for (const [i, answer] of answers.entries()) {
      const { ask, sent_ms, http, code } = answer
      const result = http === 0 ? 'no answer' : code === '' ? String(http) : code
      collected.samples.push({ ask, sent_ms, latency_ms: printed[i]?.[3] ?? 0, result })
    }
  }
  for (const [index, sent_ms] of begun) {
    const answers = [readPrinted(['reserve', sent_ms, sent_ms, 0, 0, '', '', '', [], '', ''])]
    collected.attempts.push({ user: userOf(index), key: `load-${index}`, sku, quantity, answers })
    collected.arrivals_ms.push(sent_ms)
    collected.cut_off += 1
  }
  collected.arrivals_ms.sort((a, b) => a - b)
  return collected
}

export function readPrinted(printed: PrintedAnswer): Answer {
  const [ask, sent_ms, got_ms, , http, code, reservation, status, units, order, pay_by] = printed
  const pay_by_ms = Date.parse(pay_by)
  return {
    ask: ask as Ask,
    sent_ms,
    got_ms,
    http,
    code: code as RefusalCode | '',
    reservation,
    status: status as ReservationStatus | '',
    units,
    order,
    pay_by_ms: Number.isNaN(pay_by_ms) ? 0 : pay_by_ms,
  }
}

/** The value that a share of 0…1 of the samples does not exceed. */
export function quantile(values: number[], share: number): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0
}

export function countBy<T>(items: T[], name: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) {
    const key = name(item)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

/** How it ended for a shopper: the last status told, or the last refusal. */
export function outcomeOf(attempt: Attempt): string {
  const last_status = attempt.answers.findLast((answer) => answer.status !== '')
  if (last_status !== undefined) return last_status.status
  const last = attempt.answers.at(-1)
  if (last === undefined || last.http === 0) return 'no answer'
  return last.code === '' ? String(last.http) : last.code
}

/** Arrivals a second, from the first to the last; ascending in, one decimal out. */
export function rateOf(arrivals_ms: number[]): number {
  const first = arrivals_ms[0]
  const last = arrivals_ms.at(-1)
  if (first === undefined || last === undefined || last === first) return 0
  return Math.round(((arrivals_ms.length - 1) / (last - first)) * 10_000) / 10
}
