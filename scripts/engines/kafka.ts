// A real Kafka: one node, broker and controller in one (KRaft), on loopback, in a folder of its own.
//
// Guarantee: a kill -9 and a start again keep port and every message. Topics are made explicitly: one that is made by
// being asked for would have the wrong number of partitions.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Kafka as KafkaClient, logLevel } from 'kafkajs'
import { freePort } from '../ports'
import { type DeathListener, ManagedProcess } from '../processes'
import { fetchKafka } from './fetch'
import { JAVA_MIN, type Java, requireJava } from './java'
import type { EngineOptions } from './options'

/** Enough for tests. */
const HEAP_MB = 256
const READY_TIMEOUT_MS = 90_000
const ASK_TIMEOUT_MS = 3000

/** What a start, also after kill -9, and a node of its own need; the same in docker-compose.yml. */
export const KAFKA_SETTINGS = {
  'auto.create.topics.enable': 'false',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '3',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '3',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '3',
  'group.initial.rebalance.delay.ms': '0',
  // a broker that was killed is fenced for as long before it may come back: 5 s in place of 14
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
}

export interface Topic {
  topic: string
  partitions: number
}

export class Kafka extends ManagedProcess {
  /** as KAFKA_BROKERS */
  readonly brokers: string

  constructor(
    readonly port: number,
    plan: ConstructorParameters<typeof ManagedProcess>[0],
    onDeath?: DeathListener,
  ) {
    super(plan, onDeath)
    this.brokers = `127.0.0.1:${port}`
  }

  createTopics(topics: Topic[]): Promise<void> {
    return createTopics(this.brokers, topics)
  }
}

export async function startKafka(options: EngineOptions): Promise<Kafka> {
  const folder = resolve(options.folder)
  const java = requireJava(JAVA_MIN)
  const jars = await fetchKafka(options.progress)
  const port = options.port ?? (await freePort())
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'server.properties')
  writeFileSync(config, properties(folder, port, await freePort()))
  if (!existsSync(join(folder, 'data/meta.properties'))) await format(java, jars, config)
  const heap = `${options.heap_mb ?? HEAP_MB}m`
  const kafka = new Kafka(
    port,
    {
      name: 'Kafka',
      command: join(java.home, 'bin/java'),
      args: [
        `-Xms${heap}`,
        `-Xmx${heap}`,
        '-XX:+UseSerialGC',
        ...logging(),
        '-cp',
        join(jars, '*'),
        'kafka.Kafka',
        config,
      ],
      cwd: folder,
      outlives_us: options.outlives_us,
      log_file: join(folder, 'kafka.log'),
      ready: () => kafkaAnswers(port),
      ready_timeout_ms: READY_TIMEOUT_MS,
    },
    options.onDeath,
  )
  await kafka.start()
  return kafka
}

function properties(folder: string, port: number, controller_port: number): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller_port}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@127.0.0.1:${controller_port}`,
    'log.dirs': join(folder, 'data'),
    ...KAFKA_SETTINGS,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

async function format(java: Java, jars: string, config: string): Promise<void> {
  const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')
  // one argument: an id may begin with a dash
  const tool = ['kafka.tools.StorageTool', 'format', `--cluster-id=${id}`, '-c', config]
  const args = ['-Xmx64m', '-cp', join(jars, '*'), ...tool]
  await promisify(execFile)(join(java.home, 'bin/java'), args)
}

/** slf4j-simple, by system properties: times, and no lines of a node that is well. */
function logging(): string[] {
  const settings = { defaultLogLevel: 'warn', showDateTime: 'true', dateTimeFormat: "yyyy-MM-dd'T'HH:mm:ss.SSSXXX" }
  return Object.entries(settings).map(([name, value]) => `-Dorg.slf4j.simpleLogger.${name}=${value}`)
}

/** True when the node is a broker of its cluster: from then on topics can be made. */
export async function kafkaAnswers(port: number): Promise<boolean> {
  return withAdmin(`127.0.0.1:${port}`, async (admin) => (await admin.describeCluster()).brokers.length > 0)
}

/** Makes those that are not there yet; resolves when each has a leader for every partition. */
export async function createTopics(brokers: string, topics: Topic[]): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    const named = topics.map(({ topic, partitions }) => ({ topic, numPartitions: partitions, replicationFactor: 1 }))
    await admin.createTopics({ topics: named, waitForLeaders: true })
  })
}

async function withAdmin<T>(brokers: string, use: (admin: ReturnType<KafkaClient['admin']>) => Promise<T>): Promise<T> {
  const client = new KafkaClient({
    brokers: brokers.split(','),
    clientId: 'rushgate-scripts',
    logLevel: logLevel.NOTHING,
    connectionTimeout: ASK_TIMEOUT_MS,
    requestTimeout: 10 * ASK_TIMEOUT_MS,
    retry: { retries: 0 },
  })
  const admin = client.admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}
