// The shoppers of a schedule, drawn from its seed: who comes when, wants what, and does what with it.

import type { Random } from '../scripts/random'
import type { SaleRules } from './checkers/evidence'
import type { Intention, Plan } from './shopper'

export const HOLD_S = 2
export const PAYMENT_EXTENSION_S = 1

/** Scarce, plentiful and unlimited: stock runs out, comes back as holds run out, and runs out again. */
export function saleRules(id: string): SaleRules {
  return {
    id,
    skus: [
      { sku: 'mug', total: 30, user_max: 2 },
      { sku: 'print', total: 8, user_max: 1 },
      { sku: 'poster', total: 400, user_max: 3 },
      { sku: 'song', total: -1, user_max: 1 },
    ],
    sale_user_max: 4,
    hold_attempts_max: 0,
  }
}

const INTENTIONS: [Intention, number][] = [
  ['pay', 40],
  ['let_expire', 25],
  ['cancel', 10],
  ['cancel_at_once', 8],
  ['pay_late', 10],
  ['pay_after_decline', 7],
]

const SKUS: [string, number][] = [
  ['mug', 40],
  ['print', 18],
  ['poster', 35],
  ['song', 7],
]

export function drawPlan(random: Random, spread_ms: number): Plan {
  const sku = weighted(random, SKUS)
  const intention = weighted(random, INTENTIONS)
  return {
    arrives_ms: random.between(0, spread_ms),
    sku,
    quantity: sku === 'mug' || sku === 'poster' ? random.between(1, 2) : 1,
    intention,
    buys_again: random.chance(0.25),
    doubles: random.chance(0.15),
    reuses_key: random.chance(0.06),
  }
}

function weighted<T>(random: Random, choices: [T, number][]): T {
  let left = random.next() * choices.reduce((sum, [, weight]) => sum + weight, 0)
  for (const [choice, weight] of choices) {
    left -= weight
    if (left < 0) return choice
  }
  throw new Error('no choices')
}
