// Kafka and Elasticsearch for a spec: those of the whole run when there are some, else private ones for this spec alone.
//
// Guarantee: each caller gets a prefix of its own for the names of topics and indexes (KAFKA_TOPIC_PREFIX,
// ELASTICSEARCH_INDEX_PREFIX), so that specs which share engines never see each other's. A spec that kills its broker
// starts a private one with startKafka().
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startElasticsearch } from './elasticsearch'
import { startKafka } from './kafka'

/** Addresses that the run, or a person, gives. */
export const TEST_KAFKA = 'RUSHGATE_TEST_KAFKA'
export const TEST_ELASTICSEARCH = 'RUSHGATE_TEST_ELASTICSEARCH'

export interface KafkaForTests {
  /** as KAFKA_BROKERS */
  brokers: string
  /** as KAFKA_TOPIC_PREFIX: before every topic and consumer group */
  prefix: string
  close(): Promise<void>
}

export interface ElasticsearchForTests {
  /** as ELASTICSEARCH_URL */
  url: string
  /** as ELASTICSEARCH_INDEX_PREFIX: before every index, alias and template */
  prefix: string
  close(): Promise<void>
}

/** `name` says whose topics they are: small letters, digits and dashes. */
export async function kafkaForTests(name: string): Promise<KafkaForTests> {
  const prefix = prefixOf(name)
  const shared = process.env[TEST_KAFKA]
  if (shared) return { brokers: shared, prefix, close: async () => {} }
  const folder = temporaryFolder()
  const kafka = await startKafka({ folder })
  return { brokers: kafka.brokers, prefix, close: () => end(kafka, folder) }
}

/** `name` says whose indexes they are: small letters, digits and dashes. They are removed by close(). */
export async function elasticsearchForTests(name: string): Promise<ElasticsearchForTests> {
  const prefix = prefixOf(name)
  const shared = process.env[TEST_ELASTICSEARCH]
  if (shared) return { url: shared, prefix, close: () => removeIndexes(shared, prefix) }
  const folder = temporaryFolder()
  const elasticsearch = await startElasticsearch({ folder })
  return { url: elasticsearch.url, prefix, close: () => end(elasticsearch, folder) }
}

function prefixOf(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw new Error(`'${name}' is no name for topics and indexes`)
  return `${name}-${randomBytes(4).toString('hex')}-`
}

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'rushgate-engine-'))
}

async function end(engine: { stop(): Promise<void> }, folder: string): Promise<void> {
  await engine.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** An index costs the shared server memory as long as it is there. */
async function removeIndexes(url: string, prefix: string): Promise<void> {
  const found = (await (await fetch(`${url}/_resolve/index/${prefix}*`)).json()) as { indices?: { name: string }[] }
  for (const { name } of found.indices ?? []) await fetch(`${url}/${name}`, { method: 'DELETE' })
  const templates = (await (await fetch(`${url}/_index_template/${prefix}*`)).json()) as {
    index_templates?: { name: string }[]
  }
  for (const { name } of templates.index_templates ?? [])
    await fetch(`${url}/_index_template/${name}`, { method: 'DELETE' })
}
