// What all gates have told last of their items, from the Redis of volatile data: edge/src/redis/hot-items.ts has the shapes.
import { hotItemsKey } from '../../../contract/keys'

/** a gate tells five times a second; one that is silent for longer is away, or its Redis connection is */
const SILENT_MS_MAX = 2000

interface LiveItem {
  item: string
  /** of all gates, requests a second */
  rate: number
  /** of each gate that counts it */
  gates: { gate: string; rate: number; hot_since?: string }[]
  /** hot at any gate by its rate, since then */
  hot_since?: string
}

export interface LiveItems {
  gates: string[]
  items: LiveItem[]
}

export interface HashReader {
  hgetall(key: string): Promise<Record<string, string>>
  time(): Promise<number[]>
}

/** Items by rate, the highest first. */
export async function readLiveItems(redis: HashReader): Promise<LiveItems> {
  const [[seconds = 0, micros = 0], told] = await Promise.all([redis.time(), redis.hgetall(hotItemsKey())])
  const now_ms = seconds * 1000 + micros / 1000
  const items = new Map<string, LiveItem>()
  const gates: string[] = []
  for (const [gate, text] of Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const space = text.indexOf(' ')
    if (!(now_ms - Number(text.slice(0, space)) <= SILENT_MS_MAX)) continue
    gates.push(gate)
    for (const [, item = '', rate, since] of text.slice(space).matchAll(/([a-z0-9_-]+),([\d.]+),(\d+);/g)) {
      const live = items.get(item) ?? { item, rate: 0, gates: [] }
      items.set(item, live)
      const hot_since = since === '0' ? undefined : new Date(Number(since)).toISOString()
      live.rate += Number(rate)
      live.gates.push({ gate, rate: Number(rate), hot_since })
      if (hot_since !== undefined && !(live.hot_since !== undefined && live.hot_since < hot_since)) {
        live.hot_since = hot_since
      }
    }
  }
  const sorted = [...items.values()].sort((a, b) => b.rate - a.rate || (a.item < b.item ? -1 : 1))
  return { gates, items: sorted.map((live) => ({ ...live, rate: Math.round(live.rate * 10) / 10 })) }
}
