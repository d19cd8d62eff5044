// The record Redis keeps of each reservation: what a replay and a poll are answered from.
//
//   version|status|sku|quantity|units|reserved_ms|pay_by_ms|order
//
// units: unit numbers joined by commas ('' for an unlimited SKU until it is settled);
// pay_by_ms and order: '' until the ledger has confirmed. No field may hold '|', LF or a space.
// The reserve script writes version 0 itself (edge/src/redis/reserve.ts); every later version comes
// from the ledger's outbox, and an older version never replaces a newer one.
import type { ReservationStatus } from './codes'

export interface ReservationRecord {
  version: number
  status: ReservationStatus
  sku: string
  quantity: number
  /** unit numbers joined by commas, kept as text: nobody on the hot path counts with them */
  units: string
  reserved_ms: number
  /** 0 when there is no time to pay by */
  pay_by_ms: number
  /** '' until there is an order */
  order: string
}

const FIELDS = 8

export function formatRecord(record: ReservationRecord): string {
  const pay_by = record.pay_by_ms === 0 ? '' : integerText(record.pay_by_ms)
  return (
    integerText(record.version) +
    '|' +
    record.status +
    '|' +
    record.sku +
    '|' +
    integerText(record.quantity) +
    '|' +
    record.units +
    '|' +
    integerText(record.reserved_ms) +
    '|' +
    pay_by +
    '|' +
    record.order
  )
}

/** Returns undefined when the text is not a record. */
export function parseRecord(text: string): ReservationRecord | undefined {
  const fields: string[] = []
  let from = 0
  for (let i = 0; i < FIELDS - 1; i++) {
    const bar = text.indexOf('|', from)
    if (bar < 0) return undefined
    fields.push(text.substring(from, bar))
    from = bar + 1
  }
  const pay_by = fields[6]
  return {
    version: Number(fields[0] as string),
    status: fields[1] as ReservationStatus,
    sku: fields[2] as string,
    quantity: Number(fields[3] as string),
    units: fields[4] as string,
    reserved_ms: Number(fields[5] as string),
    pay_by_ms: pay_by === '' ? 0 : Number(pay_by as string),
    order: text.substring(from),
  }
}

// Lua turns numbers of 1e14 and more into '1e+14'; everything here stays below (a time in ms is 1.8e12).
function integerText(value: number): string {
  return '' + value
}
