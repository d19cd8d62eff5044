// Text as the words that search knows: the same in Elasticsearch and in SQL, for what is indexed and for what is asked.
//
// Folded here and not by an analyzer, so that both engines find the same, and because a plain Elasticsearch may lack the module
// that folds. No language is assumed: no stems and no stop words; "lamps" finds "lamp" as one typing error away.

/** of a query; what comes after is not looked for */
const TERMS_MAX = 8
/** longer words are cut, in the index as well */
const WORD_LENGTH_MAX = 40
/** longer words are found with one typing error at most */
const NEAR_TWO_LENGTH_MAX = 24

const UNDECOMPOSED: Record<string, string> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ł: 'l',
  þ: 'th',
  ı: 'i',
}
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const segmenter = new Intl.Segmenter('und', { granularity: 'word' })

/** Small letters without marks: "Crème Brûlée" is "creme brulee". */
export function fold(text: string): string {
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().normalize('NFC')
  return plain.replace(/[ßæœøđðłþı]/g, (letter) => UNDECOMPOSED[letter] ?? letter)
}

/** In their order, with repetitions. */
export function wordsOf(text: string): string[] {
  const words: string[] = []
  for (const [run] of fold(text).matchAll(/[\p{L}\p{N}]+/gu)) {
    if (!WITHOUT_SPACES.test(run)) words.push(cut(run))
    else for (const { segment, isWordLike } of segmenter.segment(run)) if (isWordLike) words.push(cut(segment))
  }
  return words
}

function cut(word: string): string {
  return word.length <= WORD_LENGTH_MAX ? word : [...word].slice(0, WORD_LENGTH_MAX).join('')
}

export function termsOf(query: string): string[] {
  return [...new Set(wordsOf(query))].slice(0, TERMS_MAX)
}

/** Of three terms or more one may be missing. */
export function termsNeeded(count: number): number {
  return count < 3 ? count : count - 1
}

/** Typing errors forgiven in a term of a query: as many as Elasticsearch's AUTO. */
export function editsAllowed(term: string): 0 | 1 | 2 {
  const { length } = [...term]
  return length < 3 ? 0 : length < 6 ? 1 : 2
}

/** What is left of `word` with up to `edits` letters taken out, never the first: a typing error there is rare, and looking for it costs most. */
export function nearKeys(word: string, edits: 0 | 1 | 2): string[] {
  const keys = new Set([word])
  let last = [word]
  for (let edit = 0; edit < edits; edit++) {
    const next: string[] = []
    for (const each of last) {
      const letters = [...each]
      for (let at = 1; at < letters.length; at++) {
        const key = letters.slice(0, at).join('') + letters.slice(at + 1).join('')
        if (keys.has(key)) continue
        keys.add(key)
        next.push(key)
      }
    }
    last = next
  }
  return [...keys]
}

/** The keys under which a word of the index is found by any term that may mean it. */
export function indexKeys(word: string): string[] {
  const { length } = [...word]
  // two errors are forgiven to terms of six letters or more, so the words they mean have four or more
  return nearKeys(word, length < 2 ? 0 : length < 4 || length > NEAR_TWO_LENGTH_MAX ? 1 : 2)
}

/** Letters put in, left out, changed, or two neighbours swapped (no letter twice); more than `most` is just more. First letters must agree. */
export function editsBetween(one: string, other: string, most: number): number {
  const a = [...one]
  const b = [...other]
  if (a[0] !== b[0] || Math.abs(a.length - b.length) > most) return most + 1
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      let least = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = last
    last = row
  }
  return last[b.length] ?? most + 1
}
