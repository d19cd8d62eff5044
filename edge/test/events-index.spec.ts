// Events of items all the way: from the gate, reloaded under load, by Kafka and the indexer into Elasticsearch. What is found there
// and what the gate counts as dropped is what the gate recorded, and gaps in the numbers are visible to the operator.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type GateCounts, readGateCounts } from '../../bench/events-check'
import { makeTopic } from '../../bench/events-shop'
import {
  type ElasticsearchForTests,
  elasticsearchForTests,
  type KafkaForTests,
  kafkaForTests,
} from '../../scripts/engines/for-tests'
import { type Stack, startStack } from '../../scripts/stack'

const ROUNDS = 5
const ROUND_REQUESTS = 600
const AT_ONCE = 30
const FOUND_MS_MAX = 90_000

let dir: string
let kafka: KafkaForTests
let elastic: ElasticsearchForTests
let stack: Stack

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-events-index-'))
  ;[kafka, elastic] = await Promise.all([kafkaForTests('events-index'), elasticsearchForTests('events-index')])
  await makeTopic(kafka.brokers, kafka.prefix)
  const env = {
    KAFKA_BROKERS: kafka.brokers,
    KAFKA_TOPIC_PREFIX: kafka.prefix,
    ELASTICSEARCH_URL: elastic.url,
    ELASTICSEARCH_INDEX_PREFIX: elastic.prefix,
  }
  stack = await startStack({ dir: join(dir, 'stack'), env })
}, 300_000)

afterAll(async () => {
  await stack?.stop()
  await kafka?.close()
  await elastic?.close()
  rmSync(dir, { recursive: true, force: true })
})

/** How many were answered; a connection that a reload closes may be without an answer. */
async function clickThrough(): Promise<number> {
  let answered = 0
  let left = ROUND_REQUESTS
  const visitor = async () => {
    while (left > 0) {
      left -= 1
      const answer = await fetch(`${stack.urls.gate}/web/item/item-${left % 20}`).catch(() => undefined)
      if (answer === undefined) continue
      await answer.arrayBuffer()
      answered += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, visitor))
  return answered
}

async function counts(): Promise<GateCounts> {
  return readGateCounts(await (await fetch(stack.urls.metrics)).text())
}

interface Sequences {
  found: number
  missing: number
  sequences: unknown[]
}

async function sequences(): Promise<Sequences> {
  const headers = { authorization: `Bearer ${stack.admin_token}` }
  const answer = await fetch(`${stack.urls.backend}/admin/hot-items?view=sequences&last=1h`, { headers })
  return (await answer.json()) as Sequences
}

it('found in Elasticsearch and dropped are all that was recorded', { timeout: 300_000 }, async () => {
  let answered = 0
  for (let round = 0; round < ROUNDS; round++) {
    const clicking = clickThrough()
    if (round > 0) await stack.gate.reload()
    answered += await clicking
  }
  expect(answered).toBeGreaterThan((ROUNDS - 1) * ROUND_REQUESTS)
  let told = await counts()
  let found = await sequences()
  await expect
    .poll(
      async () => {
        told = await counts()
        found = await sequences()
        const dropped = Object.values(told.dropped).reduce((sum, each) => sum + each, 0)
        return { queued: told.queued, unaccounted: told.recorded - dropped - found.found }
      },
      { timeout: FOUND_MS_MAX, interval: 500 },
    )
    .toEqual({ queued: 0, unaccounted: 0 })
  // who was answered was recorded, and the connection of somebody who was not may have been too
  expect(told.recorded).toBeGreaterThanOrEqual(answered)
  expect(told.recorded).toBeLessThanOrEqual(ROUNDS * ROUND_REQUESTS)
  expect(found.missing).toBeLessThanOrEqual(told.recorded - found.found)
  // a reload makes new workers, whose numbers begin again
  expect(found.sequences.length).toBeGreaterThan(1)
})
