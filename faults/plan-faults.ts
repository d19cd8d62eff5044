// Which faults hit a schedule, and when: a function of its seed alone.

import type { Random } from '../scripts/random'
import type { Fault } from './catalogue/fault'
import { CATALOGUE, KAFKA_CATALOGUE } from './catalogue/index'

export interface PlannedFault {
  fault: Fault
  /** after the opening; a fault waits for the one before it to end */
  at_ms: number
}

const FIRST_MS = 400

/**
 * Two of the catalogue in turn, so that as many schedules as half its length meet every fault, and one drawn. Where orders go through Kafka the third is
 * one of its own in turn.
 */
export function planFaults(seed: number, random: Random, spread_ms: number, with_kafka = false): PlannedFault[] {
  const turn = 2 * (seed - 1)
  const third = with_kafka ? inTurn(KAFKA_CATALOGUE, seed - 1) : drawn(random)
  const faults = [inTurn(CATALOGUE, turn), inTurn(CATALOGUE, turn + 1), third]
  for (let i = faults.length - 1; i > 0; i--) {
    const j = random.between(0, i)
    ;[faults[i], faults[j]] = [faults[j] as Fault, faults[i] as Fault]
  }
  const times = faults.map(() => random.between(FIRST_MS, spread_ms)).sort((a, b) => a - b)
  return faults.map((fault, i) => ({ fault, at_ms: times[i] ?? spread_ms }))
}

function inTurn(catalogue: Fault[], index: number): Fault {
  const { length } = catalogue
  return catalogue[((index % length) + length) % length] as Fault
}

function drawn(random: Random): Fault {
  let left = random.next() * CATALOGUE.reduce((sum, fault) => sum + fault.weight, 0)
  for (const fault of CATALOGUE) {
    left -= fault.weight
    if (left < 0) return fault
  }
  return inTurn(CATALOGUE, 0)
}
