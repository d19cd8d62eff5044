// How long reservations are held before they are confirmed, as a poll would see it: from Redis' own time of the reservation to the moment Redis has
// the confirmation. It learns of reservations from the stream and looks at all that are open every few ms, which is the error of its figures. One that
// was settled and trimmed off the stream between two looks is found among the records, and waited for as long as the longest time between two.
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { decodeEntry, type StreamEntry } from '../backend/src/settlement/intents'
import { intentsKey, reservationsKey } from '../contract/keys'
import { parseRecord } from '../contract/record'

const LOOK_MS = 5
const ENTRIES_AT_ONCE = 1000
const RECORDS_LOOK_MS = 500

interface ConfirmReport {
  p50_ms: number
  p99_ms: number
  missing: number
}

export class ConfirmWatch {
  private readonly redis: Redis
  /** body → time of the reservation */
  private readonly open = new Map<string, number>()
  private readonly waits_ms: number[] = []
  private readonly seen = new Set<string>()
  private between_looks_ms_max = 0
  private after = '0-0'
  private ending = false
  private readonly watching: Promise<void>

  constructor(
    url: string,
    private readonly sale: string,
  ) {
    this.redis = new Redis(url)
    this.watching = this.watch()
  }

  /** Waits until `count` reservations are confirmed, or the time is over. */
  async end(count: number, timeout_ms: number): Promise<ConfirmReport> {
    const deadline = Date.now() + timeout_ms
    while ((this.seen.size < count || this.open.size > 0) && Date.now() < deadline) {
      await sleep(RECORDS_LOOK_MS)
      if (this.seen.size < count) await this.learnFromRecords()
    }
    this.ending = true
    await this.watching
    this.redis.disconnect()
    const sorted = this.waits_ms.sort((a, b) => a - b)
    const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? -1
    return { p50_ms: quantile(0.5), p99_ms: quantile(0.99), missing: count - sorted.length }
  }

  private async watch(): Promise<void> {
    for (let looked_ms = Date.now(); !this.ending; ) {
      await this.learn()
      await this.look()
      const now_ms = Date.now()
      this.between_looks_ms_max = Math.max(this.between_looks_ms_max, now_ms - looked_ms)
      looked_ms = now_ms
      await sleep(LOOK_MS)
    }
  }

  private async learn(): Promise<void> {
    const key = intentsKey(this.sale, 0)
    const entries = (await this.redis.xrangeBuffer(
      key,
      `(${this.after}`,
      '+',
      'COUNT',
      ENTRIES_AT_ONCE,
    )) as StreamEntry[]
    for (const [id, fields] of entries) {
      this.after = id.toString()
      for (const { body, reserved_ms } of decodeEntry(this.sale, 0, fields).intents) {
        if (this.seen.has(body)) continue
        this.open.set(body, reserved_ms)
        this.seen.add(body)
      }
    }
  }

  private async learnFromRecords(): Promise<void> {
    const records = await this.redis.hgetall(reservationsKey(this.sale, 0))
    for (const [body, text] of Object.entries(records)) {
      if (this.seen.has(body) || parseRecord(text)?.status !== 'confirmed') continue
      this.seen.add(body)
      this.waits_ms.push(this.between_looks_ms_max)
    }
  }

  private async look(): Promise<void> {
    const bodies = [...this.open.keys()]
    if (bodies.length === 0) return
    const records = await this.redis.hmget(reservationsKey(this.sale, 0), ...bodies)
    const now_ms = Date.now()
    for (const [i, record] of records.entries()) {
      if (parseRecord(record ?? '')?.status !== 'confirmed') continue
      const body = bodies[i] as string
      this.waits_ms.push(now_ms - (this.open.get(body) ?? now_ms))
      this.open.delete(body)
    }
  }
}
