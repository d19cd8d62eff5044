// What GET /search understands: every parameter with its bounds, each refusal naming the parameter.
import { z } from 'zod'
import { check } from '../../http/body'
import { isPlainText } from '../../plain-text'
import { attributeName, attributeValue } from '../schemas'
import { RESULTS_MAX, SORTS, type Sort } from './engine'
import { termsOf } from './words'

const QUERY_LENGTH_MAX = 200
const FILTERS_MAX = 10
const PAGE_SIZE_MAX = 60
export const PAGE_SIZE_DEFAULT = 20
export const AMOUNT_MAX = 1_000_000_000_000

export interface SearchQuery {
  /** as it was asked */
  q: string
  terms: string[]
  attributes: Map<string, Set<string>>
  currency: string
  price_min: number
  price_max: number
  on_sale: boolean
  in_stock: boolean
  sort: Sort
  page: number
  size: number
}

const once = (value: unknown) => (value === '' ? undefined : value)
const number = (min: number, max: number) =>
  z.preprocess(once, z.coerce.number(`must be a whole number from ${min} to ${max}`).int().min(min).max(max).optional())
const flag = z.preprocess(once, z.enum(['0', '1'], 'must be 1 or 0').optional())

/** A form sends what was left empty as empty text: the same as if it were not there. */
const parameters = z
  .strictObject({
    q: z.string().max(QUERY_LENGTH_MAX).refine(isPlainText, 'must be text without control characters').default(''),
    attr: z.preprocess(
      (value) => (value === undefined ? [] : [value].flat().filter((each) => each !== '')),
      z.array(z.string().transform(readAttribute)).max(FILTERS_MAX),
    ),
    currency: z.preprocess(
      once,
      z
        .string()
        .regex(/^[A-Z]{3}$/, 'must be three capital letters (ISO 4217)')
        .optional(),
    ),
    price_min: number(0, AMOUNT_MAX),
    price_max: number(0, AMOUNT_MAX),
    on_sale: flag,
    in_stock: flag,
    sort: z.preprocess(once, z.enum(SORTS, `must be one of ${SORTS.join(', ')}`).default('relevance')),
    page: number(1, RESULTS_MAX),
    size: number(1, PAGE_SIZE_MAX),
  })
  .superRefine((query, context) => {
    const priced = query.price_min !== undefined || query.price_max !== undefined
    if (priced && query.currency === undefined) {
      const message = 'must be given with price_min or price_max: amounts of different currencies cannot be compared'
      context.addIssue({ code: 'custom', path: ['currency'], message })
    }
    if ((query.page ?? 1) * (query.size ?? PAGE_SIZE_DEFAULT) > RESULTS_MAX) {
      context.addIssue({ code: 'custom', path: ['page'], message: `the first ${RESULTS_MAX} results can be reached` })
    }
  })

function readAttribute(text: string, context: z.RefinementCtx): [name: string, value: string] {
  const colon = text.indexOf(':')
  const name = attributeName.safeParse(text.substring(0, colon))
  const value = attributeValue.safeParse(text.substring(colon + 1))
  if (colon > 0 && name.success && value.success) return [name.data, value.data]
  context.issues.push({ code: 'custom', message: 'must be NAME:VALUE, as colour:red', input: text })
  return z.NEVER
}

export function readSearchQuery(given: Record<string, unknown>): SearchQuery {
  const query = check(parameters, { ...given }, 'query')
  const attributes = new Map<string, Set<string>>()
  for (const [name, value] of query.attr) attributes.set(name, (attributes.get(name) ?? new Set()).add(value))
  return {
    q: query.q,
    terms: termsOf(query.q),
    attributes,
    currency: query.currency ?? '',
    price_min: query.price_min ?? 0,
    price_max: query.price_max ?? AMOUNT_MAX,
    on_sale: query.on_sale === '1',
    in_stock: query.in_stock === '1',
    sort: query.sort,
    page: query.page ?? 1,
    size: query.size ?? PAGE_SIZE_DEFAULT,
  }
}
