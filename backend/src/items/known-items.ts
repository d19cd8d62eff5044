// Which products there are, for the gates: a Bloom filter, and after it every change as it comes.
//
// A gate has a filter and all changes since, so any backend can go on where another stopped. The filter is made anew only when
// what came after it would take more room at the gates than it does.
import { randomInt } from 'node:crypto'
import { setImmediate as pause } from 'node:timers/promises'
import {
  type FollowedFilter,
  type FollowedItems,
  ITEM_FALSE_RATE,
  type ItemChange,
} from '../../../contract/followed-items'
import { BLOOM_SEED_MAX, bloomHash, bloomPlace, bloomShape, bloomStep } from '../../../edge/src/domain/bloom'
import type { Logger } from '../log'
import type { Poll } from '../long-poll'

/** ids between two pauses, about 5 ms: other requests go on while a large filter is made */
const SLICE = 2000
/** changes after which a filter is made anew: these, or a share of its ids, but no sooner than after a while */
const CHANGES_MIN = 2000
const CHANGES_SHARE = 0.05
const REBUILD_EVERY_MS = 60_000

/** What this needs of the catalogue (catalogue/catalogue.ts). */
export interface ItemSource {
  version(): number | undefined
  ids(): Promise<{ version: number; ids: string[] }>
  follow(poll: Poll): Promise<{ version: number; restart: boolean; changes: ItemChange[] } | undefined>
}

export async function makeFilter(version: number, ids: readonly string[], seed: number): Promise<FollowedFilter> {
  const shape = bloomShape(ids.length, ITEM_FALSE_RATE, seed)
  const eights = Buffer.alloc(shape.bits / 8)
  for (const [index, id] of ids.entries()) {
    const hash = bloomHash(seed, id)
    const step = bloomStep(seed, id)
    for (let number = 0; number < shape.hashes; number++) {
      const place = bloomPlace(hash, step, number, shape.bits)
      const at = place >> 3
      eights[at] = (eights[at] ?? 0) | (1 << (place & 7))
    }
    if (index % SLICE === SLICE - 1) await pause()
  }
  return { version, ...shape, count: ids.length, text: eights.toString('base64') }
}

export class KnownItems {
  private filter: FollowedFilter | undefined
  private made_ms = 0
  private making: Promise<FollowedFilter> | undefined

  constructor(
    private readonly source: ItemSource,
    private readonly now: () => number,
    private readonly log: Logger,
  ) {}

  /** `filter_version`: of the filter that the gate has; −1 for none. undefined before the catalogue has been read. */
  async follow(poll: Poll, filter_version: number): Promise<FollowedItems | undefined> {
    // a backend that has just started: the gate waits, as for any change
    if (this.source.version() === undefined) await this.source.follow(poll)
    if (this.source.version() === undefined) return undefined
    if (poll.after < 0) return this.everything(await this.latest(0), poll)
    const news = await this.source.follow(poll)
    if (news === undefined) return undefined
    // the gate was away for longer than removed products are remembered
    if (news.restart) return this.everything(await this.make(), poll)
    const { version, changes } = news
    const filter = await this.latest(REBUILD_EVERY_MS)
    const is_newer = version > poll.after && filter_version < filter.version
    return { version, complete: false, changes, ...(is_newer ? { filter } : {}) }
  }

  /** The filter and what has come since, in one answer: a gate that has it knows every product there is. */
  private async everything(filter: FollowedFilter, poll: Poll): Promise<FollowedItems> {
    const changes: ItemChange[] = []
    let { version } = filter
    for (;;) {
      const news = await this.source.follow({ ...poll, after: version, wait_ms: 0 })
      if (news === undefined || news.changes.length === 0) return { version, complete: true, filter, changes }
      changes.push(...news.changes)
      version = news.version
    }
  }

  /** `every_ms`: no new one sooner after the last. */
  private async latest(every_ms: number): Promise<FollowedFilter> {
    const { filter } = this
    if (filter === undefined) return this.make()
    const changes_max = Math.max(CHANGES_MIN, filter.count * CHANGES_SHARE)
    const is_old = (this.source.version() ?? 0) - filter.version > changes_max
    return is_old && this.now() - this.made_ms >= every_ms ? this.make() : filter
  }

  private make(): Promise<FollowedFilter> {
    this.making ??= this.read().finally(() => {
      this.making = undefined
    })
    return this.making
  }

  private async read(): Promise<FollowedFilter> {
    const since = performance.now()
    const { version: newest, ids } = await this.source.ids()
    // no further than what is durable: after a power cut a version may be given to another change
    const version = Math.min(newest, this.source.version() ?? newest)
    const filter = await makeFilter(version, ids, randomInt(BLOOM_SEED_MAX))
    this.filter = filter
    this.made_ms = this.now()
    const { bits, hashes, count } = filter
    this.log.info(
      { version, count, bits, hashes, ms: Math.round(performance.now() - since) },
      'filter of products made',
    )
    return filter
  }
}
