// What an operator may ask of hot items, as query parameters: parsed once, with a ceiling on every answer.
import { z } from 'zod'
import { addressText, networkText, parseAddress, parseNetwork } from '../../../edge/src/domain/address'
import { check } from '../http/body'
import { Refusal } from '../http/refusal'
import type { Dimension, Filter } from './store'

const SECOND_MS = 1_000
const DAY_MS = 86_400_000
const RANGE_MS_MAX = 31 * DAY_MS
const MINUTES_RANGE_MS_MAX = DAY_MS
const BUCKETS_MAX = 1_500
const GROUPS_MAX = 1_000
const MINUTE_ITEMS_MAX = 20
const LATEST_MAX = 200
const TEXT_LENGTH_MAX = 255

const STEPS_MS = { second: SECOND_MS, minute: 60_000, hour: 3_600_000, day: DAY_MS } as const
const UNITS_MS: Record<string, number> = { s: SECOND_MS, m: 60_000, h: 3_600_000, d: DAY_MS }

/** Views that count by something, and what each calls it in its answer. */
export const GROUP_VIEWS = {
  items: { by: 'item', field: 'item' },
  addresses: { by: 'ip', field: 'ip' },
  agents: { by: 'agent', field: 'agent' },
  statuses: { by: 'status', field: 'status' },
  nodes: { by: 'node', field: 'node' },
  users: { by: 'token', field: 'token' },
} as const satisfies Record<string, { by: Dimension; field: string }>
export type GroupView = keyof typeof GROUP_VIEWS

const VIEWS = [
  ...(Object.keys(GROUP_VIEWS) as GroupView[]),
  'minutes',
  'timeline',
  'share',
  'sequences',
  'latest',
] as const
type View = (typeof VIEWS)[number]

const LIMITS: Partial<Record<View, { max: number; absent: number }>> = {
  minutes: { max: MINUTE_ITEMS_MAX, absent: 5 },
  sequences: { max: GROUPS_MAX, absent: GROUPS_MAX },
  latest: { max: LATEST_MAX, absent: 20 },
}
const GROUP_LIMIT = { max: GROUPS_MAX, absent: 20 }

const time = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time, as 2030-01-31T12:00:00.000Z (a "+" as %2B)' })
  .transform((text) => Date.parse(text))

const last = z
  .string()
  .regex(/^[1-9]\d{0,5}[smhd]$/, 'must be a number with s, m, h or d behind it, as 15m')
  .transform((text) => Number(text.slice(0, -1)) * (UNITS_MS[text.slice(-1)] as number))

const text = z.string().min(1).max(TEXT_LENGTH_MAX)

const address = z.string().transform((given, context) => {
  const one = parseAddress(given)
  const network = one === undefined && given.includes('/') ? parseNetwork(given) : undefined
  const value = one === undefined ? network && networkText(network) : addressText(one)
  if (value !== undefined) return value
  context.issues.push({ code: 'custom', message: 'must be an address or a network, as 192.0.2.0/24', input: given })
  return z.NEVER
})

const asked = z.strictObject({
  view: z.enum(VIEWS, `must be one of ${VIEWS.join(', ')}`).default('items'),
  from: time.optional(),
  to: time.optional(),
  last: last.optional(),
  limit: z.coerce.number('must be a whole number').int().min(1).max(GROUPS_MAX).optional(),
  step: z.enum(['second', 'minute', 'hour', 'day'], 'must be second, minute, hour or day').default('minute'),
  item: text.optional(),
  ip: address.optional(),
  agent: text.optional(),
  status: z.coerce.number('must be a status, as 200').int().min(100).max(999).optional(),
  node: text.optional(),
  token: text.optional(),
})

export interface Question {
  view: View
  filter: Filter
  limit: number
  step_ms: number
}

const DEFAULT_RANGE_MS = 900_000

/** Refuses what is wrong by itself or beside the others, naming the parameter and the limit. */
export function readQuestion(query: unknown, now_ms: number): Question {
  const { view, from, to, last: last_ms, limit, step, ...where } = check(asked, query, 'query')
  const limits = view in GROUP_VIEWS ? GROUP_LIMIT : (LIMITS[view] ?? GROUP_LIMIT)
  if (limit !== undefined && limit > limits.max) throw wrong(`limit: must be at most ${limits.max} for ${view}`)
  if (last_ms !== undefined && (from ?? to) !== undefined) throw wrong('last: must stand without from and to')
  if (to !== undefined && from === undefined) throw wrong('from: must be given where to is')
  if (view === 'share' && where.item === undefined) throw wrong('item: must be given for share')
  if (view === 'share' && where.ip === undefined) throw wrong('ip: must be given for share')
  // an event of this very moment is inside
  const to_ms = to ?? Math.ceil(now_ms) + 1
  const from_ms = from ?? to_ms - (last_ms ?? DEFAULT_RANGE_MS)
  if (from_ms >= to_ms) throw wrong('from: must be before to, and before now')
  const step_ms = STEPS_MS[step]
  const range_ms_max = rangeMax(view, step_ms)
  if (to_ms - from_ms > range_ms_max) {
    const by = view === 'timeline' ? ` by ${step}` : ''
    throw wrong(`${last_ms === undefined ? 'from' : 'last'}: ${view}${by} is for ${range_ms_max / SECOND_MS} s at most`)
  }
  return { view, filter: { from_ms, to_ms, ...where }, limit: limit ?? limits.absent, step_ms }
}

function rangeMax(view: View, step_ms: number): number {
  if (view === 'minutes') return MINUTES_RANGE_MS_MAX
  return view === 'timeline' ? Math.min(RANGE_MS_MAX, step_ms * BUCKETS_MAX) : RANGE_MS_MAX
}

function wrong(detail: string): Refusal {
  return new Refusal('bad_request', detail)
}
