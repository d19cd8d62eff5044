// What a product is found by: its words with their fields' weights, and what results are sorted and filtered by.
import type { Product } from '../products'
import { fold, wordsOf } from './words'

export const FIELD_WEIGHTS = { title: 4, attributes: 2, text: 1 } as const
export type Field = keyof typeof FIELD_WEIGHTS
export const FIELDS = Object.keys(FIELD_WEIGHTS) as Field[]

/** By how a word of the product agrees with a term of the query; times the field's weight, the best one counts for each term. */
export const MATCH_SCORES = { exact: 10, prefix: 5, one_edit: 3, two_edits: 1 } as const
/** terms shorter than this are not taken for the beginning of a word */
export const PREFIX_LENGTH_MIN = 2

export interface SearchDocument {
  id: string
  words: Record<Field, string[]>
  sort_title: string
  title_words: number
  /** "name=value", each name once */
  attributes: string[]
}

export function documentOf({
  id,
  title,
  text,
  attributes,
}: Pick<Product, 'id' | 'title' | 'text' | 'attributes'>): SearchDocument {
  const title_words = wordsOf(title)
  const values = Object.values(attributes).flatMap(wordsOf)
  return {
    id,
    words: {
      title: [...new Set(title_words)],
      attributes: [...new Set([...values, ...wordsOf(id.replaceAll('_', ' '))])],
      text: [...new Set(wordsOf(text))],
    },
    sort_title: fold(title),
    title_words: title_words.length,
    attributes: Object.entries(attributes).map(([name, value]) => `${name}=${value}`),
  }
}
