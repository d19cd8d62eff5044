// Settlers as processes of their own, beside a stack whose backend does not settle: to be killed, and others to come in their place.
import type { Kafka } from '../scripts/engines/kafka'
import { topicsWithPrefix } from '../scripts/engines/topics'
import type { DeathListener, ManagedProcess } from '../scripts/processes'
import { anotherBackend, type Stack } from '../scripts/stack'

/** What a stack's backend does when settlers are processes of their own. */
export const ROLES_BESIDE_SETTLERS = 'api,relay,sweeper'

/** For a stack whose orders go through this Kafka, with its topics made. */
export async function kafkaEnvironment(kafka: Kafka, prefix: string): Promise<Record<string, string>> {
  await kafka.createTopics(topicsWithPrefix(prefix))
  return { KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC_PREFIX: prefix }
}

interface SettlersOptions {
  database_url: string
  env: Record<string, string>
  onDeath?: DeathListener
}

export class Settlers {
  private readonly running: ManagedProcess[] = []
  private made = 0

  constructor(
    private readonly stack: Stack,
    private readonly options: SettlersOptions,
  ) {}

  async add(): Promise<void> {
    const settler = await anotherBackend(this.stack, `settler-${++this.made}`, 'settler', this.options)
    this.running.push(settler)
    await settler.start()
  }

  /** kill -9 of the one that has been there longest. */
  async killOne(): Promise<void> {
    const settler = this.running.shift()
    settler?.kill('SIGKILL')
    await settler?.wait()
  }

  async stop(): Promise<void> {
    await Promise.all(this.running.map((settler) => settler.stop()))
  }
}
