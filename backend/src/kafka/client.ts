// Connections to Kafka. Everything gives up within seconds: whoever asked backs off by its own loop and makes a new client, because
// kafkajs' own ones do not all come back from a failure (an idempotent producer whose numbering broke off never does).
import { Kafka, type LogEntry, logLevel } from 'kafkajs'
import type { Logger } from '../log'

const CONNECT_TIMEOUT_MS = 2000
const REQUEST_TIMEOUT_MS = 10_000
const RETRY = { initialRetryTime: 100, maxRetryTime: 1000, retries: 4, factor: 0.2, multiplier: 2 }

interface KafkaOptions {
  brokers: string[]
  /** shows up in the broker's logs */
  name: string
  log: Logger
}

export function createKafka({ brokers, name, log }: KafkaOptions): Kafka {
  return new Kafka({
    brokers,
    clientId: `rushgate-${name}`,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: RETRY,
    logLevel: logLevel.WARN,
    // its errors are thrown at us as well, and said once by the loop that met them
    logCreator: () => (entry) => log.debug({ kafka: said(entry) }, entry.log.message),
  })
}

function said({ namespace, label, log }: LogEntry): Record<string, unknown> {
  return { namespace, label, error: log.error, broker: log.broker }
}
