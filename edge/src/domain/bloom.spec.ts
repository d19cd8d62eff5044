import { describe, expect, it } from 'vitest'
import {
  BLOOM_SEED_MAX,
  type BloomFilter,
  type BloomShape,
  bloomFalseRate,
  bloomHash,
  bloomPlace,
  bloomShape,
  bloomStep,
  mayContain,
} from './bloom'

const POWERS = [1, 2, 4, 8, 16, 32, 64, 128]

function filterOf(shape: BloomShape, texts: string[]): BloomFilter {
  const eights: number[] = []
  for (let i = 0; i < shape.bits / 8; i++) eights.push(0)
  for (const text of texts) {
    const hash = bloomHash(shape.seed, text)
    const step = bloomStep(shape.seed, text)
    for (let number = 0; number < shape.hashes; number++) {
      const place = bloomPlace(hash, step, number, shape.bits)
      const at = Math.floor(place / 8)
      eights[at] = (eights[at] ?? 0) | (POWERS[place % 8] ?? 0)
    }
  }
  let text = ''
  for (const eight of eights) text = text + String.fromCharCode(eight)
  return { ...shape, text }
}

describe('a Bloom filter', () => {
  it('hashes alike in Node and in LuaJIT', () => {
    // known answers: a gate and a backend of different versions must agree on them
    expect(bloomHash(0, '')).toBe(0)
    expect(bloomHash(12345, 'shoe')).toBe(545190862)
    expect(bloomStep(12345, 'shoe')).toBe(1298519557)
    let longest = ''
    while (longest.length < 64) longest = longest + 'z'
    expect(bloomHash(BLOOM_SEED_MAX, longest)).toBe(2098522995)
    expect(bloomStep(BLOOM_SEED_MAX, longest)).toBe(15170211)
    expect(bloomHash(777, 'item_0-9')).toBe(490962011)
  })

  it('knows every text that was put in', () => {
    const texts: string[] = []
    for (let i = 0; i < 2000; i++) texts.push('item-' + i)
    const filter = filterOf(bloomShape(texts.length, 0.01, 7), texts)
    for (const text of texts) expect(mayContain(filter, text)).toBe(true)
  })

  it('takes as much room as its rate asks for', () => {
    const shape = bloomShape(1000, 0.001, 1)
    expect(shape.bits).toBe(14384)
    expect(shape.hashes).toBe(10)
    expect(Math.abs(bloomFalseRate(shape, 1000) - 0.001) < 0.00001).toBe(true)
    expect(bloomFalseRate(shape, 2000) > 0.01).toBe(true)
    expect(bloomShape(0, 0.001, 1).bits).toBe(64)
  })

  it('is wrong about others at that rate, also about neighbours of what it knows', () => {
    const texts: string[] = []
    for (let i = 0; i < 1000; i++) texts.push('shoe-' + i)
    for (const seed of [0, 4711, BLOOM_SEED_MAX]) {
      const filter = filterOf(bloomShape(texts.length, 0.01, seed), texts)
      let wrong = 0
      for (let i = 1000; i < 21000; i++) if (mayContain(filter, 'shoe-' + i)) wrong += 1
      // 200 are expected, with a deviation of 14: five of them, and the filter's own chance
      expect(wrong > 100 && wrong < 300 ? 'near 200' : 'seed ' + seed + ': ' + wrong).toBe('near 200')
    }
  })

  it('with nothing in it knows nothing', () => {
    const filter = filterOf(bloomShape(0, 0.001, 5), [])
    expect(mayContain(filter, 'shoe')).toBe(false)
    expect(mayContain(filter, '')).toBe(false)
  })
})
