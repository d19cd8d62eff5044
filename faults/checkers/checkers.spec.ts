// Each checker finds what is planted for it, and an honest run shows none.
import { describe, expect, it } from 'vitest'
import type { ReservationStatus } from '../../contract/codes'
import type { Answer, Ask, Attempt, Evidence, LedgerOrder, LedgerTerms, ViolationKind } from './evidence'
import { checkAll, tally } from './index'

const REST_MS = 100_000

const idOf = (name: string) => `r1.spring.0.${name.padEnd(22, '0')}.${'m'.repeat(16)}`
const bodyOf = (name: string) => name.padEnd(22, '0')

function answer(ask: Ask, sent_ms: number, http: number, more: Partial<Answer> = {}): Answer {
  return {
    ask,
    sent_ms,
    got_ms: sent_ms + 10,
    http,
    code: '',
    reservation: '',
    status: '',
    units: [],
    order: '',
    pay_by_ms: 0,
    ...more,
  }
}

function order(
  name: string,
  user: string,
  units: number[],
  status: ReservationStatus,
  more: Partial<LedgerOrder> = {},
): LedgerOrder {
  return {
    body: bodyOf(name),
    order: `o-${name}`,
    user,
    sku: 'mug',
    quantity: units.length,
    units,
    status,
    reason: '',
    ...more,
  }
}

/** Asked for at `sent_ms`, held, and told `end` at rest. */
function bought(name: string, user: string, sent_ms: number, units: number[], end: ReservationStatus): Attempt {
  const reservation = idOf(name)
  const has_order = end !== 'void' && end !== 'cancelled'
  return {
    user,
    key: `key-${name}`,
    sku: 'mug',
    quantity: units.length,
    answers: [
      answer('reserve', sent_ms, 202, { reservation, status: 'held', units }),
      answer('poll', REST_MS + 1, 200, { reservation, status: end, order: has_order ? `o-${name}` : '' }),
    ],
  }
}

function refused(name: string, user: string, sent_ms: number, http: number, code: Answer['code']): Attempt {
  return { user, key: `key-${name}`, sku: 'mug', quantity: 1, answers: [answer('reserve', sent_ms, http, { code })] }
}

const TERMS: LedgerTerms = {
  sku: 'mug',
  total: 5,
  granted: 5,
  free: 1,
  returning: 0,
  moving: 0,
  held: 0,
  confirmed: 1,
  paid: 3,
  in_redis: 1,
  in_queue: 0,
}

/** Five mugs: ann paid for two, bob for one, cid has one to pay, dan's hold ran out, one is free; eve was turned away. */
function honest(): Evidence {
  const ann = bought('ann', 'ann', 1000, [1, 2], 'paid')
  const reservation = idOf('ann')
  ann.answers.splice(1, 0, answer('pay', 2000, 200, { reservation, status: '' }), answer('settle', 2100, 200))
  const bob = bought('bob', 'bob', 1100, [3], 'paid')
  bob.answers.unshift(answer('reserve', 1050, 0))
  return {
    sale: { id: 'spring', skus: [{ sku: 'mug', total: 5, user_max: 2 }], sale_user_max: 2, hold_attempts_max: 0 },
    attempts: [
      ann,
      bob,
      bought('cid', 'cid', 1200, [4], 'confirmed'),
      bought('dan', 'dan', 1300, [5], 'expired'),
      refused('eve', 'eve', 1400, 409, 'all_held'),
      refused('ann2', 'ann', 1500, 409, 'limit_reached'),
    ],
    orders: [
      order('ann', 'ann', [1, 2], 'paid'),
      order('bob', 'bob', [3], 'paid'),
      order('cid', 'cid', [4], 'confirmed'),
      order('dan', 'dan', [5], 'expired'),
    ],
    terms: [{ ...TERMS }],
    opened_ms: 500,
    was_paused: false,
    losses_ms: [],
    rest_ms: REST_MS,
    redis: {
      free: [{ sku: 'mug', units: [5] }],
      buyers: [
        { sku: 'mug', user: 'ann', units: 2 },
        { sku: 'mug', user: 'dan', units: 0 },
        { sku: '*', user: 'ann', units: 2 },
      ],
      records: [{ body: bodyOf('ann'), status: 'paid' }],
    },
  }
}

function at<T>(list: T[], index: number): T {
  const item = list.at(index)
  if (item === undefined) throw new Error(`nothing at ${index} of ${list.length}`)
  return item
}

const planted: [string, ViolationKind[], (evidence: Evidence) => void][] = [
  ['a unit in two live orders', ['oversold', 'told_false'], (e) => (at(e.orders, 2).units = [3])],
  ['more live units than there are', ['oversold'], (e) => (at(e.sale.skus, 0).total = 3)],
  [
    'a sold unit free in Redis',
    ['oversold'],
    (e) => (e.redis = { free: [{ sku: 'mug', units: [1] }], buyers: [], records: [] }),
  ],
  [
    'a unit twice in the free list',
    ['oversold', 'lost'],
    (e) => (e.redis = { free: [{ sku: 'mug', units: [5, 5] }], buyers: [], records: [] }),
  ],
  ['an order without its units', ['oversold', 'told_false'], (e) => (at(e.orders, 0).units = [1])],
  ['a 202 that the ledger does not know', ['lost'], (e) => e.attempts.push(bought('fay', 'fay', 1600, [5], 'void'))],
  ['a reservation held for ever', ['lost', 'told_false'], (e) => (at(e.orders, 3).status = 'held')],
  [
    'a void without a loss',
    ['lost'],
    (e) => {
      e.attempts.push(bought('fay', 'fay', 1600, [5], 'void'))
      e.orders.push(order('fay', 'fay', [], 'void', { quantity: 1, order: '' }))
    },
  ],
  [
    'a void of a reservation made after the loss',
    ['lost'],
    (e) => {
      e.losses_ms = [1599]
      e.attempts.push(bought('fay', 'fay', 1600, [5], 'void'))
      e.orders.push(order('fay', 'fay', [], 'void', { quantity: 1, order: '' }))
    },
  ],
  [
    'paid for, and expired all the same',
    ['lost'],
    (e) => at(e.attempts, 3).answers.splice(1, 0, answer('settle', 2000, 200)),
  ],
  [
    'cancelled by nobody',
    ['lost', 'told_false'],
    (e) => {
      at(e.orders, 3).status = 'cancelled'
    },
  ],
  ['a unit in no account', ['lost'], (e) => (at(e.terms, 0).granted = 4)],
  [
    'a unit on its way for ever',
    ['lost'],
    (e) => Object.assign(at(e.terms, 0), { free: 0, in_redis: 0, returning: 1 }),
  ],
  ['Redis short of a free unit', ['lost'], (e) => (at(e.terms, 0).in_redis = 0)],
  ['terms that differ from the orders', ['lost'], (e) => Object.assign(at(e.terms, 0), { confirmed: 2, paid: 2 })],
  [
    'an order nobody asked for',
    ['phantom', 'lost', 'oversold'],
    (e) => e.orders.push(order('zed', 'zed', [5], 'confirmed')),
  ],
  ["an order in another's name", ['phantom'], (e) => (at(e.orders, 1).user = 'eve')],
  ['an order for something else', ['phantom', 'oversold', 'lost'], (e) => (at(e.orders, 1).quantity = 2)],
  ['an order number the ledger never had', ['phantom'], (e) => (at(at(e.attempts, 0).answers, -1).order = 'o-other')],
  ['an order after a definite refusal', ['phantom'], (e) => e.orders.push(order('eve', 'eve', [5], 'expired'))],
  ['more units than a buyer may have', ['limit_broken'], (e) => (at(e.sale.skus, 0).user_max = 1)],
  ['more units than the sale allows', ['limit_broken'], (e) => (e.sale.sale_user_max = 1)],
  [
    'two reservations for one key',
    ['limit_broken'],
    (e) => {
      e.attempts.push({ ...bought('dan2', 'dan', 1600, [5], 'expired'), key: 'key-dan' })
      e.orders.push(order('dan2', 'dan', [5], 'expired'))
    },
  ],
  [
    'a buyer miscounted in Redis',
    ['limit_broken'],
    (e) =>
      (e.redis = { free: [{ sku: 'mug', units: [5] }], buyers: [{ sku: 'mug', user: 'dan', units: 1 }], records: [] }),
  ],
  [
    'paid, then expired',
    ['told_false'],
    (e) =>
      at(e.attempts, 3).answers.splice(1, 0, answer('poll', 2000, 200, { reservation: idOf('dan'), status: 'paid' })),
  ],
  [
    'confirmed, then held again',
    ['told_false'],
    (e) =>
      at(e.attempts, 2).answers.push(answer('poll', REST_MS + 90, 200, { reservation: idOf('cid'), status: 'held' })),
  ],
  [
    'expired before the time to pay was over',
    ['told_false'],
    (e) => {
      const told = { reservation: idOf('dan'), status: 'confirmed' as const, pay_by_ms: REST_MS + 50_000 }
      at(e.attempts, 3).answers.splice(1, 0, answer('poll', 2000, 200, told))
    },
  ],
  ['other units than told', ['told_false'], (e) => (at(at(e.attempts, 2).answers, 0).units = [5])],
  [
    'sold out, and then one was had',
    ['told_false'],
    (e) => e.attempts.push(refused('gus', 'gus', 1150, 410, 'sold_out')),
  ],
  [
    'sold out while somebody may still pay or not',
    ['told_false'],
    (e) => e.attempts.push(refused('gus', 'gus', 1600, 410, 'sold_out')),
  ],
  [
    'all held at rest while one is free',
    ['told_false'],
    (e) => e.attempts.push(refused('gus', 'gus', REST_MS + 5, 409, 'all_held')),
  ],
  [
    'limit reached with nothing bought',
    ['told_false'],
    (e) => e.attempts.push(refused('gus', 'gus', 1600, 409, 'limit_reached')),
  ],
  [
    'key reused though it was not',
    ['told_false'],
    (e) => e.attempts.push(refused('gus', 'gus', 1600, 422, 'key_reused')),
  ],
  [
    'not open long after the opening',
    ['told_false'],
    (e) => e.attempts.push(refused('gus', 'gus', 3600, 425, 'not_open')),
  ],
  ['paused though it was not', ['told_false'], (e) => e.attempts.push(refused('gus', 'gus', 1600, 409, 'paused'))],
  ['ended though it was not', ['told_false'], (e) => e.attempts.push(refused('gus', 'gus', 1600, 410, 'ended'))],
  [
    'its own reservation unknown',
    ['told_false'],
    (e) => at(e.attempts, 2).answers.push(answer('poll', 3000, 404, { code: 'not_found' })),
  ],
  [
    'a record in Redis that differs',
    ['told_false'],
    (e) =>
      (e.redis = {
        free: [{ sku: 'mug', units: [5] }],
        buyers: [],
        records: [{ body: bodyOf('cid'), status: 'held' }],
      }),
  ],
  [
    'a 500',
    ['server_error'],
    (e) => at(e.attempts, 4).answers.push(answer('reserve', 1700, 500, { code: 'internal' })),
  ],
  ['a 502', ['server_error'], (e) => at(e.attempts, 4).answers.push(answer('reserve', 1700, 502))],
  ['a 503 without a reason', ['server_error'], (e) => at(e.attempts, 4).answers.push(answer('reserve', 1700, 503))],
]

describe('checkers', () => {
  it('find nothing in an honest run', () => {
    expect(checkAll(honest())).toEqual([])
  })

  it('accept a void that Redis lost, a late payment refunded, an answer that never came', () => {
    const evidence = honest()
    evidence.losses_ms = [1600]
    evidence.attempts.push(bought('fay', 'fay', 1600, [5], 'void'))
    evidence.orders.push(order('fay', 'fay', [], 'void', { quantity: 1, order: '' }))
    const late = bought('hal', 'hal', 1200, [5], 'refunded')
    late.answers.splice(1, 0, answer('pay', 1300, 200), answer('settle', 9000, 200))
    evidence.attempts.push(late)
    evidence.orders.push(order('hal', 'hal', [5], 'refunded'))
    evidence.attempts.push({ ...refused('ida', 'ida', 1600, 0, ''), key: 'key-ida' })
    evidence.orders.push(order('ida', 'ida', [5], 'expired'))
    expect(checkAll(evidence)).toEqual([])
  })

  it('count a late payment against no limit, and only that', () => {
    const evidence = honest()
    const late = bought('ann3', 'ann', 1200, [5], 'paid')
    const told = { reservation: idOf('ann3'), status: 'expired' as const }
    late.answers.splice(1, 0, answer('poll', 4000, 200, told), answer('settle', 9000, 200))
    evidence.attempts.push(late)
    evidence.orders.push(order('ann3', 'ann', [5], 'paid'))
    Object.assign(at(evidence.terms, 0), { free: 0, in_redis: 0, paid: 4 })
    evidence.redis = undefined
    expect(checkAll(evidence)).toEqual([])
    late.answers.splice(1, 2, answer('settle', 1500, 200))
    at(late.answers, -1).pay_by_ms = 9000
    expect(tally(checkAll(evidence)).limit_broken).toBe(2)
  })

  it('do not order answers that were under way at the same time', () => {
    const evidence = honest()
    const { answers } = at(evidence.attempts, 2)
    const told = { reservation: idOf('cid'), got_ms: 5000 }
    answers.splice(1, 0, answer('poll', 3000, 200, { ...told, status: 'confirmed' }))
    answers.splice(2, 0, answer('poll', 2999, 200, { ...told, status: 'held' }))
    expect(checkAll(evidence)).toEqual([])
  })

  for (const [name, kinds, plant] of planted) {
    it(`find ${name}`, () => {
      const evidence = honest()
      plant(evidence)
      const counts = tally(checkAll(evidence))
      const found = (Object.keys(counts) as ViolationKind[]).filter((kind) => counts[kind] > 0)
      expect(found.sort()).toEqual([...kinds].sort())
    })
  }
})
