// Gates that show pages of items, each behind a counting stand-in for the backend, for the tests of these pages.
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Between, standBetween } from '../../bench/item-load'
import { type AnotherGate, startAnotherGate } from '../../scripts/stack'
import { type Shop, until } from './shop'

interface Got {
  status: number
  headers: Record<string, string | undefined>
  body: string
}

export interface Watched extends AnotherGate {
  between: Between
}

/** On a connection of its own, so that now one worker answers and now the other. */
export function get(gate: AnotherGate, id: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(`${gate.urls.gate}/web/item/${id}`, { method, headers, agent: false }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part) => parts.push(part))
      answer.on('end', () => {
        const bytes = Buffer.concat(parts)
        const is_compressed = answer.headers['content-encoding'] === 'gzip' && bytes.length > 0
        const body = (is_compressed ? gunzipSync(bytes) : bytes).toString()
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers as Got['headers'], body })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** 0 when it is not there. */
export async function metric(gate: AnotherGate, series: string): Promise<number> {
  const lines = (await (await fetch(gate.urls.metrics)).text()).split('\n')
  return Number(lines.find((line) => line.startsWith(`${series} `))?.slice(series.length + 1) ?? 0)
}

export function event(name: string): string {
  return `rushgate_plugin_events_total{plugin="item-cache",event="${name}"}`
}

export function product(title: string, text = 'A text. '.repeat(200)): Record<string, unknown> {
  return { title, text, price: { amount_minor: 4999, currency: 'EUR' }, attributes: { colour: 'red' } }
}

const IMPORT_MAX = 500

/** Products item-0, item-1 … */
export async function makeProducts(shop: Shop, count: number): Promise<void> {
  for (let from = 0; from < count; from += IMPORT_MAX) {
    const some = Math.min(IMPORT_MAX, count - from)
    const products = Array.from({ length: some }, (_, i) => ({
      id: `item-${from + i}`,
      ...product(`Item ${from + i}`, 'x'),
    }))
    await shop.stack.admin('POST', '/admin/products', { products })
  }
}

/** `settings`: of the plugin. Ends are not drawn, and hot items (a test's crowd makes them so) end like others: tests know when. */
export async function startItemGate(
  shop: Shop,
  name: string,
  settings: Record<string, unknown>,
  workers = 2,
): Promise<Watched> {
  const config = join(shop.dir, `${name}.json`)
  const ends = { jitter_percent: 0, hot_fresh_ms: settings['fresh_ms'] ?? 30_000 }
  const plugins = { 'item-cache': { ...ends, ...settings } }
  writeFileSync(config, JSON.stringify({ version: 1, plugins }))
  const between = await standBetween(shop.stack.urls.backend)
  const env = { RUSHGATE_BACKEND: between.address }
  const gate = await startAnotherGate(shop.stack, name, { config, workers, env })
  return { ...gate, between }
}

export async function stopItemGate(gate: Watched | undefined): Promise<void> {
  await gate?.gate.stop()
  await gate?.between.close()
}

const TRIES = 8

/** Until every worker, as far as one can ask, turns unknown ids away by itself. */
export async function knowsItems(gate: Watched): Promise<void> {
  await until(async () => {
    const before = gate.between.itemsAsked()
    for (let i = 0; i < TRIES; i++) {
      const { status } = await get(gate, `nothing-${Math.random().toString(36).slice(2)}`)
      // a gate at its limit for what it does not know does not ask either
      if (status !== 404) return false
    }
    return gate.between.itemsAsked() === before
  })
}

/** An id that the gate turns away by itself: of all others the filter lets one in a thousand through, which ones is drawn anew with each filter. */
export async function turnedAway(gate: Watched): Promise<string> {
  let id = ''
  await until(async () => {
    id = `nobody-${Math.random().toString(36).slice(2)}`
    const before = gate.between.itemsAsked()
    return (await get(gate, id)).status === 404 && gate.between.itemsAsked() === before
  })
  return id
}
