// The operator's questions as SQL. Counts are exact.

import { eventId, type HotItemEvent } from '../../../contract/hot-item-event'
import type { Parameter, Queries } from '../db/db'
import {
  type Bucket,
  type Dimension,
  dayOf,
  type Filter,
  type Group,
  type Groups,
  type KeptEvent,
  type MinuteOfItems,
  type Sequence,
} from './store'

const MINUTE_MS = 60_000

/** Equal counts stand in the column's own order: addresses as numbers, as in Elasticsearch. */
const COLUMNS: Record<Dimension, string> = {
  item: 'sku',
  ip: 'ip',
  agent: 'agent',
  status: 'status',
  node: 'node',
  token: 'token',
}

interface Where {
  text: string
  parameters: Parameter[]
}

function whereOf(filter: Filter): Where {
  const parameters: Parameter[] = [filter.from_ms, filter.to_ms]
  let text = 'at_ms >= $1 AND at_ms < $2'
  const add = (value: Parameter | undefined, clause: (place: string) => string) => {
    if (value === undefined) return
    parameters.push(value)
    text += ` AND ${clause(`$${parameters.length}`)}`
  }
  add(filter.item, (place) => `sku = ${place}`)
  add(filter.ip, (place) => `ip <<= ${place}::inet`)
  add(filter.agent, (place) => `agent = ${place}`)
  add(filter.status, (place) => `status = ${place}`)
  add(filter.node, (place) => `node = ${place}`)
  add(filter.token, (place) => `token = ${place}`)
  return { text, parameters }
}

export const askSql = {
  async groups(db: Queries, filter: Filter, by: Dimension, limit: number): Promise<Groups> {
    const { text, parameters } = whereOf(filter)
    const rows = await db.query<{ value: string; requests: number; total: number }>(
      `SELECT ${by === 'ip' ? 'host(value)' : 'value::text'} AS value, requests, total FROM (
         SELECT ${COLUMNS[by]} AS value, count(*) AS requests, sum(count(*)) OVER ()::bigint AS total
         FROM hot_items WHERE ${text} GROUP BY 1
       ) AS counted
       WHERE value IS NOT NULL ORDER BY requests DESC, counted.value LIMIT ${limit}`,
      parameters,
    )
    return {
      total: rows[0]?.total ?? (await askSql.count(db, filter)),
      groups: rows.map(({ value, requests }) => ({ value, requests })),
      error_max: 0,
    }
  },

  async minutes(db: Queries, filter: Filter, limit: number): Promise<MinuteOfItems[]> {
    const { text, parameters } = whereOf(filter)
    const rows = await db.query<{ at_ms: number; total: number; sku: string; requests: number }>(
      `SELECT at_ms, total, sku, requests FROM (
         SELECT at_ms / ${MINUTE_MS} * ${MINUTE_MS} AS at_ms, sku, count(*) AS requests,
           sum(count(*)) OVER minute::bigint AS total,
           row_number() OVER (minute ORDER BY count(*) DESC, sku) AS place
         FROM hot_items WHERE ${text} GROUP BY 1, 2
         WINDOW minute AS (PARTITION BY at_ms / ${MINUTE_MS} * ${MINUTE_MS})
       ) AS ranked
       WHERE place <= ${limit} ORDER BY at_ms, place`,
      parameters,
    )
    const minutes: MinuteOfItems[] = []
    for (const { at_ms, total, sku, requests } of rows) {
      const group: Group = { value: sku, requests }
      const last = minutes.at(-1)
      if (last?.at_ms === at_ms) last.items.push(group)
      else minutes.push({ at_ms, requests: total, items: [group] })
    }
    return minutes
  },

  async timeline(db: Queries, filter: Filter, step_ms: number): Promise<Bucket[]> {
    const { text, parameters } = whereOf(filter)
    return db.query<Bucket>(
      `SELECT at_ms / ${step_ms} * ${step_ms} AS at_ms, count(*) AS requests FROM hot_items WHERE ${text}
       GROUP BY 1 ORDER BY 1`,
      parameters,
    )
  },

  async count(db: Queries, filter: Filter): Promise<number> {
    const { text, parameters } = whereOf(filter)
    const [row] = await db.query<{ requests: number }>(
      `SELECT count(*) AS requests FROM hot_items WHERE ${text}`,
      parameters,
    )
    return row?.requests ?? 0
  },

  async sequences(db: Queries, filter: Filter, limit: number): Promise<Sequence[]> {
    const { text, parameters } = whereOf(filter)
    return db.query<Sequence>(
      `SELECT min(node) AS node, worker, min(seq) AS first, max(seq) AS last, count(*) AS found
       FROM hot_items WHERE ${text} GROUP BY worker ORDER BY found DESC, worker LIMIT ${limit}`,
      parameters,
    )
  },

  async latest(db: Queries, filter: Filter, limit: number): Promise<KeptEvent[]> {
    const { text, parameters } = whereOf(filter)
    const rows = await db.query<Omit<HotItemEvent, 'actime'> & { at_ms: number }>(
      `SELECT at_ms, uri, COALESCE(host(ip), '') AS ip, token, sku, agent, status, node, worker, seq
       FROM hot_items WHERE ${text} ORDER BY at_ms DESC, worker, seq DESC LIMIT ${limit}`,
      parameters,
    )
    return rows.map(({ at_ms, ...rest }) => {
      const event: HotItemEvent = { ...rest, actime: new Date(at_ms).toISOString() }
      return { id: eventId(event), day: dayOf(at_ms), at_ms, event }
    })
  },
}
