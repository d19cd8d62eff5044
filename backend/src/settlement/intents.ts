// Reads what the reserve script has queued (contract/lane-scripts.ts, "intent").
//
// An entry that cannot be read gives the intents up to the fault and a sentence about it: one bad byte must not
// take the rest of the queue with it.
import { BODY_LENGTH } from '../../../contract/reservation-id'
import type { Intent, UnitGeneration } from '../ledger/port'

/** As XREADGROUP and XRANGE give it with ioredis' Buffer commands: id, then fields and values in turn. */
export type StreamEntry = [id: Buffer, fields: Buffer[]]

const KINDS = ['purchase', 'late'] as const

class Reader {
  at = 0

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.at >= this.bytes.length
  }

  text(length: number): string {
    const from = this.step(length)
    return this.bytes.toString('utf8', from, this.at)
  }

  uint(length: 1 | 2 | 4): number {
    return this.bytes.readUIntBE(this.step(length), length)
  }

  /** Where it was. */
  private step(length: number): number {
    const from = this.at
    if (from + length > this.bytes.length)
      throw new RangeError(`${length} bytes wanted at ${from} of ${this.bytes.length}`)
    this.at = from + length
    return from
  }
}

function parseUnits(text: string): UnitGeneration[] {
  if (text === '') return []
  return text.split(',').map((each) => {
    const match = /^(\d{1,10}):(\d{1,15})$/.exec(each)
    if (match === null) throw new RangeError(`"${each}" is not unit:generation`)
    return { unit: Number(match[1]), generation: Number(match[2]) }
  })
}

function fieldsOf(pairs: Buffer[]): Map<string, Buffer> {
  const fields = new Map<string, Buffer>()
  for (let i = 0; i + 1 < pairs.length; i += 2) fields.set(String(pairs[i]), pairs[i + 1] as Buffer)
  return fields
}

function integerField(fields: Map<string, Buffer>, name: string): number {
  const text = fields.get(name)?.toString() ?? ''
  if (!/^\d{1,15}$/.test(text)) throw new RangeError(`field ${name} is "${text}", not a whole number`)
  return Number(text)
}

/** `problem` is '' when the whole entry could be read. */
export function decodeEntry(sale: string, shard: number, pairs: Buffer[]): { intents: Intent[]; problem: string } {
  const intents: Intent[] = []
  try {
    const fields = fieldsOf(pairs)
    const epoch = integerField(fields, 'e')
    const reserved_ms = integerField(fields, 't')
    const count = integerField(fields, 'n')
    const reader = new Reader(fields.get('i') ?? Buffer.alloc(0))
    while (!reader.atEnd) {
      const body = reader.text(BODY_LENGTH)
      const sku = reader.text(reader.uint(1))
      const quantity = reader.uint(2)
      const price_version = reader.uint(4)
      const kind = KINDS[reader.uint(1)]
      if (kind === undefined) throw new RangeError(`intent ${intents.length + 1} is of an unknown kind`)
      const units = parseUnits(reader.text(reader.uint(2)))
      const user = reader.text(reader.uint(2))
      const spends = reader.text(reader.uint(1))
      intents.push({ sale, shard, epoch, reserved_ms, body, sku, quantity, price_version, kind, units, user, spends })
    }
    const problem = intents.length === count ? '' : `${count} intents announced, ${intents.length} found`
    return { intents, problem }
  } catch (error) {
    return { intents, problem: error instanceof Error ? error.message : String(error) }
  }
}
