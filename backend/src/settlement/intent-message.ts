// A stream's entry as a message of the topic of intents: JSON, so that an operator can read who, where and when with any tool; the packed items
// (contract/lane-scripts.ts, "intent") as base64. Keyed by shard: a shard's intents are in one partition, in their order.
import { z } from 'zod'
import { type RawEntry, streamOf } from './streams'

export const INTENTS_TOPIC = 'rushgate.intents'
export const SETTLERS_GROUP = 'rushgate.settlers'

/** As much as the field names of the stream's entry say; text, because it is handed to the decoder as it was. */
const message = z.object({
  sale: z.string(),
  shard: z.number().int().min(0),
  /** of the stream's entry */
  id: z.string().regex(/^\d+-\d+$/),
  epoch: z.string(),
  reserved_ms: z.string(),
  count: z.string(),
  items: z.string(),
})

export function messageOf({ stream, id, fields }: RawEntry): { key: string; value: string } {
  const named = new Map<string, Buffer>()
  for (let i = 0; fields !== null && i + 1 < fields.length; i += 2)
    named.set(String(fields[i]), fields[i + 1] as Buffer)
  const text = (name: string) => named.get(name)?.toString() ?? ''
  const items = named.get('i')?.toString('base64') ?? ''
  const { sale, shard } = stream
  const said = { sale, shard, id, epoch: text('e'), reserved_ms: text('t'), count: text('n'), items }
  return { key: `${sale}.${shard}`, value: JSON.stringify(said) }
}

/** undefined for what is no such message. */
export function entryOf(value: Buffer | null): RawEntry | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(value?.toString() ?? '')
  } catch {
    return undefined
  }
  const { data, success } = message.safeParse(parsed)
  if (!success) return undefined
  const texts = ['e', data.epoch, 't', data.reserved_ms, 'n', data.count, 'i'].map((each) => Buffer.from(each))
  const fields = [...texts, Buffer.from(data.items, 'base64')]
  return { stream: streamOf(data.sale, data.shard), id: data.id, fields }
}
