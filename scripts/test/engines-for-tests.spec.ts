// What specs are handed: engines that answer, names of their own, and nothing of theirs left in a server that others share.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type ElasticsearchForTests,
  elasticsearchForTests,
  type KafkaForTests,
  kafkaForTests,
  TEST_ELASTICSEARCH,
} from '../engines/for-tests'
import { createTopics } from '../engines/kafka'
import { topicsWithPrefix } from '../engines/topics'

let kafka: KafkaForTests
let elasticsearch: ElasticsearchForTests

beforeAll(async () => {
  kafka = await kafkaForTests('for-tests')
  elasticsearch = await elasticsearchForTests('for-tests')
}, 300_000)

afterAll(async () => {
  await kafka.close()
  await elasticsearch.close()
})

async function put(path: string, body: unknown): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(elasticsearch.url + path, { method: 'PUT', headers, body: JSON.stringify(body) })).status
}

async function exists(path: string): Promise<boolean> {
  return (await fetch(elasticsearch.url + path)).status === 200
}

test('prefixes are never the same', async () => {
  const other = await kafkaForTests('for-tests')
  expect(other.prefix).not.toBe(kafka.prefix)
  expect(kafka.prefix).toMatch(/^for-tests-[0-9a-f]{8}-$/)
  await other.close()
  await expect(kafkaForTests('Upper')).rejects.toThrow("'Upper' is no name")
}, 120_000)

test('topics can be made, and made again', async () => {
  await createTopics(kafka.brokers, topicsWithPrefix(kafka.prefix))
  await createTopics(kafka.brokers, topicsWithPrefix(kafka.prefix))
})

test('close() removes the indexes and templates of its prefix, and no others', async () => {
  // on a private server close() ends all of it
  process.env[TEST_ELASTICSEARCH] ??= elasticsearch.url
  const one = await elasticsearchForTests('closing')
  const template = {
    index_patterns: [`${one.prefix}hot_item-*`],
    template: { aliases: { [`${one.prefix}hot_item`]: {} } },
  }
  expect(await put(`/_index_template/${one.prefix}hot_item`, template)).toBe(200)
  expect(await put(`/${one.prefix}hot_item-2026.01.01/_doc/1`, {})).toBe(201)
  expect(await put(`/${elasticsearch.prefix}kept/_doc/1`, {})).toBe(201)
  expect(await exists(`/_alias/${one.prefix}hot_item`)).toBe(true)
  await one.close()
  expect(await exists(`/_alias/${one.prefix}hot_item`)).toBe(false)
  expect(await exists(`/_index_template/${one.prefix}hot_item`)).toBe(false)
  expect(await exists(`/${elasticsearch.prefix}kept/_doc/1`)).toBe(true)
})
