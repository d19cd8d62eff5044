// What the admin API accepts about products. Fields that are not named here are refused.
import { z } from 'zod'
import { isPlainText } from '../plain-text'
import { SALE_ID } from '../sales/schemas'
import type { NewProduct } from './products'

const TITLE_LENGTH_MAX = 200
const TEXT_LENGTH_MAX = 5000
const PICTURE_LENGTH_MAX = 300
const ATTRIBUTES_MAX = 20
const VALUE_LENGTH_MAX = 80
const AMOUNT_MAX = 1_000_000_000_000
const PRODUCTS_AT_ONCE_MAX = 500

const PLAIN = 'must be text without control characters'

export const productId = z.string().regex(SALE_ID, 'must be 1 to 64 of a-z 0-9 _ -')
export const attributeName = z.string().regex(/^[a-z0-9_-]{1,32}$/, 'must be 1 to 32 of a-z 0-9 _ -')
export const attributeValue = z.string().min(1).max(VALUE_LENGTH_MAX).refine(isPlainText, PLAIN)

const fields = {
  title: z.string().min(1).max(TITLE_LENGTH_MAX).refine(isPlainText, PLAIN),
  text: z
    .string()
    .max(TEXT_LENGTH_MAX)
    .refine(
      (text) => isPlainText(text.replaceAll('\n', ' ')),
      'must be text whose only control character is the line end',
    )
    .default(''),
  picture: z
    .string()
    .max(PICTURE_LENGTH_MAX)
    .regex(/^(?:\/[\w.~-]+)+$/, 'must be a path on this site, as /pictures/lamp.svg')
    .refine((path) => !path.split('/').includes('..'), 'must be a path without ".."')
    .optional()
    .transform((path) => path ?? ''),
  price: z.strictObject({
    amount_minor: z.int().min(0).max(AMOUNT_MAX),
    currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters (ISO 4217)'),
  }),
  attributes: z
    .record(attributeName, attributeValue)
    .refine((attributes) => Object.keys(attributes).length <= ATTRIBUTES_MAX, `must have at most ${ATTRIBUTES_MAX}`)
    .default({}),
}

/** The id is in the path. */
export const productBody = z.strictObject(fields)

export const productsBody = z.strictObject({
  products: z
    .array(z.strictObject({ id: productId, ...fields }) satisfies z.ZodType<NewProduct, unknown>)
    .min(1)
    .max(PRODUCTS_AT_ONCE_MAX)
    .refine((products) => new Set(products.map(({ id }) => id)).size === products.length, 'must not have an id twice'),
})
