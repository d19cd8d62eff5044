import { expect, it } from 'vitest'
import { AT_ONCE_MAX, OF_ADDRESS_MAX, PATIENCE_MS, Transcripts } from './transcripts'

class Reader {
  is_cut = false
  end: () => void = () => undefined
  /** what is sent to somebody who reads slowly */
  readonly work = () => new Promise<void>((resolve) => (this.end = resolve))
  destroy(): void {
    this.is_cut = true
    this.end()
  }
}

const BUSY = { code: 'busy', status: 503 }
const ADDRESS = '192.0.2.99'
const nothing = () => Promise.resolve()
const readersOf = (count: number) => Array.from({ length: count }, () => new Reader())
const addressOf = (n: number) => `192.0.2.${n}`

it('sends so many at once and no more, and the next as soon as one has ended, or failed', async () => {
  const transcripts = new Transcripts(() => 0)
  const readers = readersOf(AT_ONCE_MAX)
  const sent = readers.map((reader, n) => transcripts.send(reader, addressOf(n), reader.work))
  await expect(transcripts.send(new Reader(), ADDRESS, nothing)).rejects.toMatchObject(BUSY)
  readers[2]?.end()
  await sent[2]
  const failing = () => Promise.reject(new Error('away'))
  await expect(transcripts.send(new Reader(), ADDRESS, failing)).rejects.toThrow('away')
  await transcripts.send(new Reader(), ADDRESS, nothing)
  expect(readers.some(({ is_cut }) => is_cut)).toBe(false)
})

it('leaves room for others beside one address, IPv6 by its /64', async () => {
  const transcripts = new Transcripts(() => 0)
  const readers = readersOf(OF_ADDRESS_MAX)
  const sent = readers.map((reader, n) => transcripts.send(reader, `2001:db8::${n + 1}`, reader.work))
  await expect(transcripts.send(new Reader(), '2001:db8::9', nothing)).rejects.toMatchObject(BUSY)
  await transcripts.send(new Reader(), '2001:db8:0:1::9', nothing)
  readers[0]?.end()
  await sent[0]
  await transcripts.send(new Reader(), '2001:db8::9', nothing)
})

it('cuts off the one who has been longest at it, once that is too long and another waits', async () => {
  let now_ms = 0
  const transcripts = new Transcripts(() => now_ms)
  const readers = readersOf(AT_ONCE_MAX)
  for (const [n, reader] of readers.entries()) {
    void transcripts.send(reader, addressOf(n), reader.work)
    now_ms += 1000
  }
  now_ms = PATIENCE_MS - 1
  await expect(transcripts.send(new Reader(), ADDRESS, nothing)).rejects.toMatchObject(BUSY)
  now_ms = PATIENCE_MS
  const next = new Reader()
  void transcripts.send(next, ADDRESS, next.work)
  expect([...readers, next].map(({ is_cut }) => is_cut)).toEqual([true, false, false, false, false])
  await expect(transcripts.send(new Reader(), ADDRESS, nothing)).rejects.toMatchObject(BUSY)
})

it('cuts off one of the same address where that is what stands in the way', async () => {
  let now_ms = 0
  const transcripts = new Transcripts(() => now_ms)
  const [other, ...own] = readersOf(1 + OF_ADDRESS_MAX) as [Reader, ...Reader[]]
  void transcripts.send(other, addressOf(1), other.work)
  for (const reader of own) void transcripts.send(reader, ADDRESS, reader.work)
  now_ms = PATIENCE_MS
  await transcripts.send(new Reader(), ADDRESS, nothing)
  expect([other, ...own].map(({ is_cut }) => is_cut)).toEqual([false, true, false])
})
