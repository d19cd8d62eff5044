// Words of search: folding, typing errors, and that the keys find every word that is near enough.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editsAllowed, editsBetween, fold, indexKeys, nearKeys, termsOf, wordsOf } from './words'

describe('words', () => {
  it('are folded and cut out of any text', () => {
    expect(wordsOf('Crème Brûlée, 2×4 (Straße) — “Łódź”')).toEqual(['creme', 'brulee', '2', '4', 'strasse', 'lodz'])
    expect(wordsOf('コーヒーカップ 东京 desk-lamp_2')).toContain('desk')
    expect(wordsOf('我喜欢咖啡').length).toBeGreaterThan(1)
    expect(wordsOf('  …!? ')).toEqual([])
    expect(wordsOf('x'.repeat(100))).toEqual(['x'.repeat(40)])
    expect(termsOf('a b c d e f g h i a')).toHaveLength(8)
    expect(fold('ﬁ Ⅻ')).toBe('fi xii')
  })

  it('are compared by typing errors', () => {
    const edits: [string, string, number][] = [
      ['lamp', 'lamp', 0],
      ['lmap', 'lamp', 1],
      ['lamps', 'lamp', 1],
      ['lomp', 'lamp', 1],
      ['posters', 'poster', 1],
      ['psotre', 'poster', 2],
      ['lamp', 'clock', 3],
      ['camp', 'lamp', 3],
    ]
    for (const [one, other, want] of edits)
      expect([one, other, editsBetween(one, other, 2)]).toEqual([one, other, want])
  })

  it('share a key whenever they are near enough', () => {
    const letter = fc.constantFrom(...'abc')
    const word = fc.array(letter, { minLength: 1, maxLength: 8 }).map((letters) => letters.join(''))
    let near = 0
    fc.assert(
      fc.property(word, word, (term, other) => {
        const edits = editsAllowed(term)
        if (editsBetween(term, other, edits) > edits) return true
        near += 1
        const keys = new Set(indexKeys(other))
        return nearKeys(term, edits).some((key) => keys.has(key))
      }),
      { numRuns: 5000 },
    )
    expect(near).toBeGreaterThan(100)
  })
})
