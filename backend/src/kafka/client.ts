// The client of Kafka, as every part that speaks with it wants it: time-outs that fit a loop which tries again by itself, and its
// log lines in ours.
import { Kafka, type LogEntry, logLevel } from 'kafkajs'
import type { Logger } from '../log'

const CONNECT_MS_MAX = 3_000
const REQUEST_MS_MAX = 30_000
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 2_000
const RETRIES_MAX = 6

export interface KafkaClientOptions {
  brokers: string[]
  /** shows up in Kafka's logs and ours */
  name: string
  log: Logger
}

/**
 * kafkajs calls every broker that does not answer an error, at each try: here those are warnings of ours. Whoever uses the client
 * sees the failure itself as well.
 */
export function createKafka({ brokers, name, log }: KafkaClientOptions): Kafka {
  return new Kafka({
    clientId: `rushgate-${name}`,
    brokers,
    connectionTimeout: CONNECT_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    retry: { initialRetryTime: RETRY_MS_MIN, maxRetryTime: RETRY_MS_MAX, retries: RETRIES_MAX },
    logLevel: logLevel.WARN,
    logCreator: () => (entry: LogEntry) => {
      const { message, error, groupId } = entry.log as { message: string; error?: string; groupId?: string }
      const details = { kafka: entry.namespace, client: name, ...(error === undefined ? {} : { error }), groupId }
      if (entry.level <= logLevel.WARN) log.warn(details, message)
      else log.debug(details, message)
    },
  })
}
