// The rows of draws: a secret that is kept from the beginning, the entries as they come in, and the draw once it is made.
//
// A draw is made once, from all entries or not at all: whoever comes second finds the first one's. What a draw is, draw/draw.ts knows.

import { ENTRANT_LENGTH } from '../../../contract/draw-entrant'
import { textArray } from '../db/array'
import type { Db, Queries } from '../db/db'
import { type DrawTranscript, drawCommitment } from '../draw/draw'
import announceBeacon from './sql/announce-beacon.sql'
import closeDraw from './sql/close-draw.sql'
import closeDrawList from './sql/close-draw-list.sql'
import deleteDrawEntries from './sql/delete-draw-entries.sql'
import insertDraw from './sql/insert-draw.sql'
import insertDrawParts from './sql/insert-draw-parts.sql'
import readDraw from './sql/read-draw.sql'
import readDrawParts from './sql/read-draw-parts.sql'
import takeDrawPart from './sql/take-draw-part.sql'

/** Entrants in one row of a list: 220 KB. */
export const PART_ENTRANTS = 10_000
const PARTS_AT_ONCE = 16

export type DrawList = 'entries' | 'entrants' | 'order'

export interface DrawRow {
  sale: string
  secret: string
  commitment: string
  /** rows of entries there were */
  parts: number
  /** when the draw was made; 0: it is not */
  closed_ms: number
  beacon: string
  root: string
  seed: string
  entrants: number
  /** where a beacon was announced to come from; '' for none */
  beacon_source: string
  /** when the list was closed to wait for the beacon, which root and entrants are known from; 0: not yet, or no beacon */
  listed_ms: number
}

export interface DrawRows {
  /** Keeps `secret` for the sale's draw if it has none yet. */
  prepare(sale: string, secret: string, beacon_source?: string): Promise<void>
  find(sale: string): Promise<DrawRow | undefined>
  /** False when the draw is closed, or was never prepared. */
  add(sale: string, entrants: string[]): Promise<boolean>
  /** The parts of a list in their order, a few at a time. */
  list(sale: string, list: DrawList): AsyncIterable<string[]>
  /** Closes the list as its first `parts` are, to wait for the beacon. False when there are more by now, or it is closed already. */
  closeList(draw: DrawTranscript, parts: number): Promise<boolean>
  /** Keeps the beacon's value, once, while the draw waits for it. */
  announce(sale: string, beacon: string): Promise<boolean>
  /** Keeps a draw made from the first `parts` of the entries. False when there are more by now, or a draw already. */
  close(draw: DrawTranscript, parts: number): Promise<boolean>
}

export function unpacked(packed: string): string[] {
  const entrants: string[] = []
  for (let at = 0; at < packed.length; at += ENTRANT_LENGTH) entrants.push(packed.substring(at, at + ENTRANT_LENGTH))
  return entrants
}

function packedParts(entrants: readonly string[]): string[] {
  const parts: string[] = []
  for (let at = 0; at < entrants.length; at += PART_ENTRANTS) {
    parts.push(entrants.slice(at, at + PART_ENTRANTS).join(''))
  }
  return parts
}

function newRow(sale: string, secret: string, beacon_source: string): DrawRow {
  const commitment = drawCommitment(sale, secret, beacon_source)
  const nothing = { parts: 0, closed_ms: 0, beacon: '', root: '', seed: '', entrants: 0, listed_ms: 0 }
  return { sale, secret, commitment, beacon_source, ...nothing }
}

export class MemoryDraws implements DrawRows {
  private readonly rows = new Map<string, DrawRow>()
  private readonly lists = new Map<string, string[]>()

  async prepare(sale: string, secret: string, beacon_source = ''): Promise<void> {
    if (!this.rows.has(sale)) this.rows.set(sale, newRow(sale, secret, beacon_source))
  }

  async find(sale: string): Promise<DrawRow | undefined> {
    return structuredClone(this.rows.get(sale))
  }

  async add(sale: string, entrants: string[]): Promise<boolean> {
    const row = this.rows.get(sale)
    if (row === undefined || row.closed_ms > 0 || row.listed_ms > 0) return false
    row.parts += 1
    const key = `${sale} entries`
    this.lists.set(key, [...(this.lists.get(key) ?? []), entrants.join('')])
    return true
  }

  async *list(sale: string, list: DrawList): AsyncIterable<string[]> {
    for (const packed of this.lists.get(`${sale} ${list}`) ?? []) yield unpacked(packed)
  }

  async closeList({ sale, root, entrants, closed_at }: DrawTranscript, parts: number): Promise<boolean> {
    const row = this.rows.get(sale)
    if (row === undefined || row.closed_ms > 0 || row.listed_ms > 0 || row.parts !== parts) return false
    this.rows.set(sale, { ...row, root, entrants: entrants.length, listed_ms: Date.parse(closed_at) })
    return true
  }

  async announce(sale: string, beacon: string): Promise<boolean> {
    const row = this.rows.get(sale)
    if (row === undefined || row.closed_ms > 0 || row.listed_ms === 0 || row.beacon !== '') return false
    this.rows.set(sale, { ...row, beacon })
    return true
  }

  async close(draw: DrawTranscript, parts: number): Promise<boolean> {
    const row = this.rows.get(draw.sale)
    if (row === undefined || row.closed_ms > 0 || row.parts !== parts || row.beacon !== draw.beacon) return false
    const { beacon, root, seed } = draw
    const closed_ms = Date.parse(draw.closed_at)
    this.rows.set(draw.sale, { ...row, closed_ms, beacon, root, seed, entrants: draw.entrants.length })
    this.lists.delete(`${draw.sale} entries`)
    this.lists.set(`${draw.sale} entrants`, packedParts(draw.entrants))
    this.lists.set(`${draw.sale} order`, packedParts(draw.order))
    return true
  }
}

export class SqlDraws implements DrawRows {
  constructor(private readonly db: Db) {}

  async prepare(sale: string, secret: string, beacon_source = ''): Promise<void> {
    await this.db.query(insertDraw, [sale, secret, drawCommitment(sale, secret, beacon_source), beacon_source])
  }

  async find(sale: string): Promise<DrawRow | undefined> {
    const [row] = await this.db.query<DrawRow>(readDraw, [sale])
    return row
  }

  add(sale: string, entrants: string[]): Promise<boolean> {
    return this.db.transaction(async (queries) => {
      const [taken] = await queries.query<{ parts: number }>(takeDrawPart, [sale])
      if (taken === undefined) return false
      await insertParts(queries, sale, 'entries', taken.parts, [entrants.join('')])
      return true
    })
  }

  async *list(sale: string, list: DrawList): AsyncIterable<string[]> {
    for (let after = 0; ; after += PARTS_AT_ONCE) {
      const rows = await this.db.query<{ packed: string }>(readDrawParts, [sale, list, after, PARTS_AT_ONCE])
      for (const { packed } of rows) yield unpacked(packed)
      if (rows.length < PARTS_AT_ONCE) return
    }
  }

  async closeList({ sale, root, entrants, closed_at }: DrawTranscript, parts: number): Promise<boolean> {
    const given = [sale, parts, Date.parse(closed_at), root, entrants.length]
    return (await this.db.query(closeDrawList, given)).length > 0
  }

  async announce(sale: string, beacon: string): Promise<boolean> {
    return (await this.db.query(announceBeacon, [sale, beacon])).length > 0
  }

  close(draw: DrawTranscript, parts: number): Promise<boolean> {
    const { sale, beacon, root, seed, entrants, order } = draw
    return this.db.transaction(async (queries) => {
      const closed_ms = Date.parse(draw.closed_at)
      const closed = await queries.query(closeDraw, [sale, parts, closed_ms, beacon, root, seed, entrants.length])
      if (closed.length === 0) return false
      await queries.query(deleteDrawEntries, [sale])
      await insertParts(queries, sale, 'entrants', 1, packedParts(entrants))
      await insertParts(queries, sale, 'order', 1, packedParts(order))
      return true
    })
  }
}

async function insertParts(queries: Queries, sale: string, list: DrawList, from: number, parts: string[]) {
  for (let at = 0; at < parts.length; at += PARTS_AT_ONCE) {
    const some = parts.slice(at, at + PARTS_AT_ONCE)
    await queries.query(insertDrawParts, [sale, list, from + at, textArray(some)])
  }
}
