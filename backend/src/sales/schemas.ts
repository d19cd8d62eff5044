// What the admin API accepts about sales. Fields that are not named here are refused.
import { z } from 'zod'
import type { GateSettings } from '../../../contract/gate-settings'
import { ID_LENGTH_MAX } from '../../../contract/keys'
import type { NewSale, SaleChange } from '../ledger/port'
import { isPlainText } from '../plain-text'

export const SALE_ID = new RegExp(`^[a-z0-9_-]{1,${ID_LENGTH_MAX}}$`)
const TITLE_LENGTH_MAX = 200
const SKUS_MAX = 500
const UNITS_MAX = 1_000_000
const AMOUNT_MAX = 1_000_000_000_000
const SECONDS_MAX = 7 * 24 * 3600
const GATE_DEPTH_MAX = 8
const YEAR_2100_MS = Date.UTC(2100, 0)

const id = z.string().regex(SALE_ID, `must be 1 to ${ID_LENGTH_MAX} of a-z 0-9 _ -`)
const title = z.string().min(1).max(TITLE_LENGTH_MAX).refine(isPlainText, 'must be text without control characters')
const instant = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time, as 2030-01-31T12:00:00.000Z' })
  .transform((text) => Date.parse(text))
  .refine((ms) => ms >= 0 && ms < YEAR_2100_MS, 'must be a time between 1970 and 2100')
const price = z.strictObject({
  amount_minor: z.int().min(0).max(AMOUNT_MAX),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters (ISO 4217)'),
})
const total = z
  .int()
  .min(-1)
  .max(UNITS_MAX)
  .refine((units) => units !== 0, 'must be −1 (unlimited) or at least 1')
const user_max = z.int().min(1).max(10_000)
const seconds = z.number().positive().max(SECONDS_MAX)

const SCORE_MAX = 1000

const ownPlugins = z
  .record(z.string(), z.unknown())
  .refine(
    (value) => isStorable(value, GATE_DEPTH_MAX),
    `must be JSON at most ${GATE_DEPTH_MAX} deep, its text without control characters`,
  )

const BEACON_SOURCE_LENGTH_MAX = 500
const BEACON_WAIT_S_MAX = 86_400

/** Kept as JSON in the ledger, read by the gate's plugins. */
const gate = z.strictObject({
  level_min: z.int().min(0).max(9).optional(),
  signature: z.boolean().optional(),
  proof: z.boolean().optional(),
  score: z
    .strictObject({
      challenge_from: z.int().min(0).max(SCORE_MAX).optional(),
      refuse_from: z.int().min(0).max(SCORE_MAX).optional(),
    })
    .optional(),
  waiting_room: z
    .strictObject({
      admit_per_s: z.int().min(1).max(1_000_000),
      checkout_max: z.int().min(1).max(10_000_000),
      draw: z.boolean().default(false),
      beacon: z
        .strictObject({
          source: z
            .string()
            .min(1)
            .max(BEACON_SOURCE_LENGTH_MAX)
            .refine(isPlainText, 'must be without control characters'),
          wait_s: z.int().min(1).max(BEACON_WAIT_S_MAX).default(3600),
        })
        .optional(),
    })
    .refine(({ draw, beacon }) => draw || beacon === undefined, { path: ['beacon'], message: 'needs draw: true' })
    .optional(),
  plugins: ownPlugins.optional(),
}) satisfies z.ZodType<GateSettings, unknown>

function isStorable(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return isPlainText(value)
  if (typeof value === 'number') return Number.isFinite(value)
  if (value === null || typeof value !== 'object') return true
  if (depth === 0) return false
  return Object.entries(value).every(([key, each]) => isPlainText(key) && isStorable(each, depth - 1))
}

function distinctSkus(skus: { sku: string }[]): boolean {
  return new Set(skus.map(({ sku }) => sku)).size === skus.length
}

const DISTINCT = 'must not have the same SKU twice'

export const newSaleBody = z
  .strictObject({
    id,
    title,
    opens_at: instant,
    closes_at: instant,
    skus: z
      .array(z.strictObject({ sku: id, title, price, total, user_max }))
      .min(1)
      .max(SKUS_MAX)
      .refine(distinctSkus, DISTINCT),
    hold_s: seconds.default(600),
    payment_extension_s: seconds.default(300),
    sale_user_max: z.int().min(0).max(10_000).default(0),
    hold_attempts_max: z.int().min(0).max(10_000).default(0),
    left_shown: z.enum(['exact', 'band']).default('exact'),
    gate: gate.default({}),
  })
  .refine((sale) => sale.opens_at < sale.closes_at, { path: ['closes_at'], message: 'must be after opens_at' })
  .transform(
    ({ opens_at, closes_at, hold_s, payment_extension_s, ...rest }): NewSale => ({
      ...rest,
      opens_ms: opens_at,
      closes_ms: closes_at,
      hold_ms: Math.round(hold_s * 1000),
      payment_extension_ms: Math.round(payment_extension_s * 1000),
    }),
  )

export const saleChangeBody = z
  .strictObject({
    title: title.optional(),
    opens_at: instant.optional(),
    closes_at: instant.optional(),
    hold_s: seconds.optional(),
    sale_user_max: z.int().min(0).max(10_000).optional(),
    hold_attempts_max: z.int().min(0).max(10_000).optional(),
    left_shown: z.enum(['exact', 'band']).optional(),
    gate: gate.optional(),
    skus: z
      .array(
        z.strictObject({
          sku: id,
          title: title.optional(),
          price: price.optional(),
          total: total.optional(),
          user_max: user_max.optional(),
        }),
      )
      .max(SKUS_MAX)
      .refine(distinctSkus, DISTINCT)
      .optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .transform(({ opens_at, closes_at, hold_s, ...rest }): SaleChange => {
    const change: SaleChange = rest
    if (opens_at !== undefined) change.opens_ms = opens_at
    if (closes_at !== undefined) change.closes_ms = closes_at
    if (hold_s !== undefined) change.hold_ms = Math.round(hold_s * 1000)
    return change
  })

export const demoSessionsBody = z.strictObject({
  count: z.int().min(1).max(100_000),
  prefix: z.string().min(1).max(64).refine(isPlainText, 'must be text without control characters').optional(),
  level: z.int().min(0).max(9).default(0),
})
