import pino from 'pino'
import { describe, expect, it } from 'vitest'
import type { FollowedFilter, FollowedItems, ItemChange } from '../../../contract/followed-items'
import { bloomFalseRate, mayContain } from '../../../edge/src/domain/bloom'
import { type ItemSource, KnownItems, makeFilter } from './known-items'

const log = pino({ level: 'silent' })

/** A catalogue whose changes are told at once. */
class FakeCatalogue implements ItemSource {
  ids_now: string[] = []
  changes: ItemChange[] = []
  forgotten = 0
  reads = 0

  version(): number {
    return this.changes.at(-1)?.version ?? 0
  }

  async ids() {
    this.reads += 1
    return { version: this.version(), ids: [...this.ids_now] }
  }

  async follow({ after }: { after: number }) {
    const restart = after < this.forgotten
    const changes = restart ? [] : this.changes.filter(({ version }) => version > after)
    return { version: Math.max(this.version(), after), restart, changes }
  }

  add(id: string): void {
    this.ids_now.push(id)
    this.changes.push({ id, version: this.version() + 1, removed: false })
  }
}

const poll = (after: number) => ({ after, wait_ms: 0, gone: new AbortController().signal })

function knows({ filter }: FollowedItems, id: string): boolean {
  return filter !== undefined && mayContain({ ...filter, text: textOf(filter) }, id)
}

function textOf(filter: FollowedFilter): string {
  return Buffer.from(filter.text, 'base64').toString('latin1')
}

function setup(count: number) {
  const catalogue = new FakeCatalogue()
  for (let i = 0; i < count; i++) catalogue.add(`item-${i}`)
  let now_ms = 1_000_000
  const items = new KnownItems(catalogue, () => now_ms, log)
  const pass = (ms: number) => {
    now_ms += ms
  }
  const ask = async (after: number, filter: number) => {
    const answer = await items.follow(poll(after), filter)
    if (answer === undefined) throw new Error('nothing was told')
    return answer
  }
  return { catalogue, pass, ask }
}

describe('what gates are told of products', () => {
  it('waits with a gate that asks before the catalogue has been read', async () => {
    const catalogue = new FakeCatalogue()
    catalogue.add('lamp')
    let was_read = false
    const source: ItemSource = {
      ids: () => catalogue.ids(),
      version: () => (was_read ? catalogue.version() : undefined),
      follow: async (asked) => {
        was_read = true
        return catalogue.follow(asked)
      },
    }
    const answer = await new KnownItems(source, () => 1_000_000, log).follow(poll(-1), -1)
    expect(answer?.filter?.count).toBe(1)
    const never: ItemSource = { ...source, version: () => undefined, follow: async () => undefined }
    expect(await new KnownItems(never, () => 1_000_000, log).follow(poll(-1), -1)).toBe(undefined)
  })

  it('a filter of all of them first, and then only what changes', async () => {
    const { catalogue, ask } = setup(300)
    const first = await ask(-1, -1)
    expect(first).toMatchObject({ version: 300, complete: true, changes: [], filter: { count: 300, version: 300 } })
    for (let i = 0; i < 300; i++) expect(knows(first, `item-${i}`)).toBe(true)
    catalogue.add('new')
    const second = await ask(300, 300)
    expect(second).toEqual({ version: 301, complete: false, changes: [{ id: 'new', version: 301, removed: false }] })
    expect(await ask(301, 300)).toEqual({ version: 301, complete: false, changes: [] })
    expect(catalogue.reads).toBe(1)
  })

  it('with the filter whatever came after it, so that no gate ever takes a product for unknown', async () => {
    const { catalogue, ask } = setup(300)
    await ask(-1, -1)
    catalogue.add('new')
    catalogue.add('newer')
    const answer = await ask(-1, -1)
    expect(answer).toMatchObject({ version: 302, complete: true, filter: { version: 300 } })
    expect(answer.changes.map(({ id }) => id)).toEqual(['new', 'newer'])
  })

  it('a gate that follows another backend goes on with the filter it has', async () => {
    const one = setup(300)
    one.catalogue.add('later')
    // this backend's filter is newer, and comes with the next news only
    await one.ask(-1, -1)
    expect((await one.ask(301, 300)).filter).toBeUndefined()
    one.catalogue.add('more')
    expect((await one.ask(301, 300)).filter?.version).toBe(301)
    expect((await one.ask(301, 301)).filter).toBeUndefined()
    expect((await one.ask(301, 999)).filter).toBeUndefined()
  })

  it('a new filter when many have come since, and not all the time', async () => {
    const { catalogue, ask, pass } = setup(100)
    await ask(-1, -1)
    for (let i = 0; i < 2001; i++) catalogue.add(`new-${i}`)
    expect((await ask(2000, 100)).filter).toBeUndefined()
    pass(60_000)
    const answer = await ask(2000, 100)
    expect(answer.filter).toMatchObject({ version: 2101, count: 2101 })
    for (let i = 0; i < 2001; i++) expect(knows(answer, `new-${i}`)).toBe(true)
    expect(catalogue.reads).toBe(2)
  })

  it('a new filter at once, when many have come and a gate begins', async () => {
    const { catalogue, ask } = setup(100)
    await ask(-1, -1)
    for (let i = 0; i < 2001; i++) catalogue.add(`new-${i}`)
    expect(await ask(-1, 100)).toMatchObject({ version: 2101, changes: [], filter: { version: 2101 } })
  })

  it('everything anew when the gate was away for too long', async () => {
    const { catalogue, ask } = setup(50)
    await ask(-1, -1)
    catalogue.forgotten = 40
    expect(await ask(30, 10)).toMatchObject({ version: 50, complete: true, changes: [], filter: { version: 50 } })
    expect((await ask(45, 50)).complete).toBe(false)
  })

  it('nothing before the catalogue has been read', async () => {
    const source: ItemSource = {
      version: () => undefined,
      ids: async () => ({ version: 0, ids: [] }),
      follow: async () => undefined,
    }
    expect(await new KnownItems(source, () => 0, log).follow(poll(-1), -1)).toBeUndefined()
  })
})

describe('the filter', () => {
  it('of 50,000 ids is wrong at the stated rate', async () => {
    const seed = Number(process.env['SEED'] ?? 20261121)
    const ids = Array.from({ length: 50_000 }, (_, i) => `sku-${i}`)
    const filter = await makeFilter(1, ids, seed % 1_000_000)
    const bloom = { ...filter, text: textOf(filter) }
    const tries = 400_000
    let wrong = 0
    for (let i = 0; i < tries; i++) if (mayContain(bloom, `sku-${50_000 + i}`)) wrong += 1
    const rate = bloomFalseRate(filter, ids.length)
    const deviation = Math.sqrt(tries * rate)
    console.log(
      `filter: seed ${seed}: ${wrong} of ${tries} unknown ids get through, ${(tries * rate).toFixed(0)} expected`,
    )
    expect(Math.abs(rate - 0.001)).toBeLessThan(0.00002)
    // five deviations of the count, and two per cent for the filter's own fill
    expect(Math.abs(wrong - tries * rate)).toBeLessThan(5 * deviation + 0.02 * tries * rate)
  })
})
