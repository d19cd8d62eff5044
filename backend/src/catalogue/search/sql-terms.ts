// The words of products in SQL tables, written with the products in one transaction: what is committed is found.
import { plainArray, textArray } from '../../db/array'
import type { Queries } from '../../db/db'
import { documentOf, FIELD_WEIGHTS, FIELDS, type SearchDocument } from './document'
import deleteProductIndex from './sql/delete-product-index.sql'
import deleteProductTerms from './sql/delete-product-terms.sql'
import deleteUnusedWords from './sql/delete-unused-words.sql'
import findNewWords from './sql/find-new-words.sql'
import insertProductTerms from './sql/insert-product-terms.sql'
import insertWords from './sql/insert-words.sql'
import putProductIndex from './sql/put-product-index.sql'
import { indexKeys } from './words'

/** In the transaction that writes the products, under the catalogue's lock. */
export async function writeTerms(queries: Queries, products: Parameters<typeof documentOf>[0][]): Promise<void> {
  if (products.length === 0) return
  const documents = products.map(documentOf)
  await queries.query(deleteProductTerms, [textArray(documents.map(({ id }) => id))])
  const rows = documents.map(({ words, ...rest }) => rest)
  await queries.query(putProductIndex, [JSON.stringify(rows)])
  const ids: string[] = []
  const words: string[] = []
  const weights: number[] = []
  for (const document of documents) {
    for (const [word, weight] of weightsOf(document)) {
      ids.push(document.id)
      words.push(word)
      weights.push(weight)
    }
  }
  await writeWords(queries, [...new Set(words)])
  await queries.query(insertProductTerms, [textArray(ids), textArray(words), plainArray(weights)])
}

export async function removeTerms(queries: Queries, ids: string[]): Promise<void> {
  await queries.query(deleteProductTerms, [textArray(ids)])
  await queries.query(deleteProductIndex, [textArray(ids)])
}

/** Words that no product has any more. */
export async function removeUnusedWords(queries: Queries): Promise<void> {
  await queries.query(deleteUnusedWords)
}

function weightsOf({ words }: SearchDocument): Map<string, number> {
  const weights = new Map<string, number>()
  for (const field of FIELDS) {
    for (const word of words[field]) weights.set(word, Math.max(weights.get(word) ?? 0, FIELD_WEIGHTS[field]))
  }
  return weights
}

async function writeWords(queries: Queries, words: string[]): Promise<void> {
  const unknown = (await queries.query<{ word: string }>(findNewWords, [textArray(words)])).map(({ word }) => word)
  if (unknown.length === 0) return
  const keys = unknown.map((word) => indexKeys(word).join(' '))
  await queries.query(insertWords, [textArray(unknown), textArray(keys)])
}
