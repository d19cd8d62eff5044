// Search in the ledger's database, PostgreSQL or PGlite: an inverted index in plain tables, without extensions.
//
// Terms are first widened to the words that they may mean (exact, beginning, typing errors), then products are found by those words.
import { plainArray, textArray } from '../../db/array'
import type { Db } from '../../db/db'
import { compareText } from '../../ledger/rows'
import { productOf } from '../products'
import { MATCH_SCORES, PREFIX_LENGTH_MIN } from './document'
import {
  attributePairs,
  FACETS_MAX,
  facetOf,
  RESULTS_MAX,
  type SearchEngine,
  type SearchRequest,
  type SearchResult,
  summaryOf,
} from './engine'
import findWords from './sql/find-words.sql'
import searchProducts from './sql/search-products.sql'
import { editsAllowed, editsBetween, nearKeys, termsNeeded } from './words'

/** of one kind, for one search */
const WORDS_MAX = 500

type Row = Parameters<typeof productOf>[0] & { kind: 'product' | 'total' | 'facet'; name: string; number: number }

interface WantedWord {
  word: string
  /** number of the term it is found for */
  term: number
  score: number
}

export class SqlSearch implements SearchEngine {
  readonly name = 'sql'

  constructor(private readonly db: Db) {}

  async search(request: SearchRequest): Promise<SearchResult> {
    const wanted = await this.wantedWords(request.terms)
    const pairs = attributePairs(request.attributes)
    const rows = await this.db.query<Row>(searchProducts, [
      textArray(wanted.map(({ word }) => word)),
      plainArray(wanted.map(({ term }) => term)),
      plainArray(wanted.map(({ score }) => score)),
      termsNeeded(request.terms.length),
      textArray(pairs.flat()),
      pairs.length,
      request.currency,
      request.price_min,
      request.price_max,
      request.ids === undefined ? null : textArray(request.ids),
      request.sort,
      request.from,
      request.size,
      FACETS_MAX,
    ])
    const found = rows.filter(({ kind }) => kind === 'product')
    const facets = rows
      .filter(({ kind }) => kind === 'facet')
      .sort((one, other) => other.number - one.number || compareText(one.name, other.name))
      .map(({ name, number }) => facetOf(name, number))
    return {
      total: Math.min(RESULTS_MAX, rows.find(({ kind }) => kind === 'total')?.number ?? 0),
      products: found.map(({ kind, name, number, ...record }) => {
        const { text, ...product } = productOf({ ...record, id: name })
        return { ...product, summary: summaryOf(text) }
      }),
      facets,
    }
  }

  private async wantedWords(terms: string[]): Promise<WantedWord[]> {
    if (terms.length === 0) return []
    const keys = new Set(terms.flatMap((term) => nearKeys(term, editsAllowed(term))))
    const prefixes = terms.filter((term) => term.length >= PREFIX_LENGTH_MIN)
    const parameters = [textArray([...keys]), textArray(prefixes), WORDS_MAX]
    const words = (await this.db.query<{ word: string }>(findWords, parameters)).map(({ word }) => word)
    return terms.flatMap((term, number) =>
      words.map((word) => ({ word, term: number, score: scoreOf(term, word) })).filter(({ score }) => score > 0),
    )
  }
}

/** How well a word of the index agrees with a term; 0: not at all. */
function scoreOf(term: string, word: string): number {
  if (word === term) return MATCH_SCORES.exact
  if (term.length >= PREFIX_LENGTH_MIN && word.startsWith(term)) return MATCH_SCORES.prefix
  const allowed = editsAllowed(term)
  const edits = editsBetween(term, word, allowed)
  if (edits > allowed) return 0
  return edits === 1 ? MATCH_SCORES.one_edit : MATCH_SCORES.two_edits
}
