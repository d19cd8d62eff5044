// One Kafka and one Elasticsearch for all the specs of an `npm test`: starting them for each spec would cost minutes.
import { join } from 'node:path'
import { ourFiles } from '../tidy/files'
import { startElasticsearch } from './elasticsearch'
import { areFetched, fetchElasticsearch, fetchKafka, type Progress } from './fetch'
import { TEST_ELASTICSEARCH, TEST_KAFKA } from './for-tests'
import { whyNoEngines } from './java'
import { startKafka } from './kafka'

export interface SharedEngines {
  /** what specs find them by */
  env: Record<string, string>
  stop(): Promise<void>
}

/** Fetches what is not there yet; the reason in words where that cannot be. */
export async function fetchEngines(progress: Progress): Promise<string | undefined> {
  if (areFetched()) return undefined
  const hindrance = whyNoEngines()
  if (hindrance !== undefined) return hindrance
  try {
    await fetchKafka(progress)
    await fetchElasticsearch(progress)
    return undefined
  } catch (error) {
    return `Kafka and Elasticsearch could not be fetched: ${error instanceof Error ? error.message : String(error)}`
  }
}

export async function startSharedEngines(folder: string): Promise<SharedEngines> {
  const kafka = await startKafka({ folder: join(folder, 'kafka') })
  try {
    const elasticsearch = await startElasticsearch({ folder: join(folder, 'elasticsearch') })
    return {
      env: { [TEST_KAFKA]: kafka.brokers, [TEST_ELASTICSEARCH]: elasticsearch.url },
      async stop() {
        await elasticsearch.stop()
        await kafka.stop()
      },
    }
  } catch (error) {
    await kafka.stop()
    throw error
  }
}

/** Paths of the integration specs that use an engine, found by how they get at it. */
export function specsThatUse(words: RegExp): string[] {
  return ourFiles()
    .filter(({ path, text }) => /(^|\/)test\/.*\.spec\.ts$/.test(path) && words.test(text))
    .map(({ path }) => path)
}
