// What a fault can do to a running stack. Kills are counted and losses of Redis are noted for the checkers.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis as RedisClient } from 'ioredis'
import type { Kafka } from '../scripts/engines/kafka'
import type { ManagedProcess } from '../scripts/processes'
import type { Random } from '../scripts/random'
import { AdminError, type PartName, type Stack } from '../scripts/stack'
import type { Settlers } from './settlers'

const START_TRIES = 3
const SELLING = ['open', 'all_held', 'sold_out']
const SELLING_POLL_MS = 50
const SELLING_PATIENCE_MS = 8000
const OPERATOR_RETRY_MS = 300
const OPERATOR_PATIENCE_MS = 20_000

/** What is there besides the stack. */
interface Surroundings {
  /** PostgreSQL, where it is the ledger */
  postgres?: ManagedProcess
  /** where orders go through it */
  kafka?: Kafka
  /** where they are processes of their own; else the backend settles */
  settlers?: Settlers
}

export class World {
  kills = 0
  was_paused = false
  readonly losses_ms: number[] = []

  constructor(
    readonly stack: Stack,
    readonly sale: string,
    readonly random: Random,
    private readonly log: (line: string) => void,
    private readonly around: Surroundings = {},
  ) {}

  get broker(): Kafka {
    if (this.around.kafka === undefined) throw new Error('this world has no Kafka')
    return this.around.kafka
  }

  async killBroker(): Promise<void> {
    this.kills += 1
    this.broker.kill('SIGKILL')
    await this.broker.wait()
  }

  startBroker(): Promise<void> {
    return this.broker.start()
  }

  async killSettler(): Promise<void> {
    if (this.around.settlers === undefined) return this.kill('backend')
    this.kills += 1
    await this.around.settlers.killOne()
  }

  async addSettler(): Promise<void> {
    await (this.around.settlers === undefined ? this.start('backend') : this.around.settlers.add())
  }

  say(line: string): void {
    this.log(line)
  }

  /** An operator's call, tried again while the backend says that a part is away. */
  async operate(action: 'rebuild' | 'pause' | 'resume'): Promise<void> {
    if (action === 'pause') this.was_paused = true
    const deadline = Date.now() + OPERATOR_PATIENCE_MS
    for (;;) {
      try {
        await this.stack.admin('POST', `/admin/sales/${this.sale}/${action}`)
        return
      } catch (error) {
        const may_pass = !(error instanceof AdminError) || error.status === 503
        if (!may_pass || Date.now() > deadline) throw error
        await sleep(OPERATOR_RETRY_MS)
      }
    }
  }

  /** kill -9, and waits until it is dead. */
  async kill(part: PartName): Promise<void> {
    this.kills += 1
    this.stack[part].kill('SIGKILL')
    await this.stack[part].wait()
  }

  async start(part: PartName): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.stack[part].start()
      } catch (error) {
        if (tries === START_TRIES) throw error
        this.say(`start of ${part} failed, again: ${error instanceof Error ? error.message : error}`)
      }
    }
  }

  async killLedger(): Promise<void> {
    const { postgres } = this.around
    if (postgres === undefined) return this.kill('backend')
    this.kills += 1
    postgres.kill('SIGKILL')
    await postgres.wait()
  }

  async startLedger(): Promise<void> {
    const { postgres } = this.around
    await (postgres === undefined ? this.start('backend') : postgres.start())
  }

  /** One of the gate's workers; waits where the last one was killed and the next is not there yet. */
  async gateWorker(): Promise<number> {
    const deadline = Date.now() + SELLING_PATIENCE_MS
    while (this.stack.gate.workers().length === 0 && Date.now() < deadline) await sleep(SELLING_POLL_MS)
    return this.random.pick(this.stack.gate.workers())
  }

  killProcess(pid: number): void {
    this.kills += 1
    process.kill(pid, 'SIGKILL')
  }

  /** Stopped and continued: to its peers it is merely very slow. */
  async freeze(pid: number, pause_ms: number): Promise<void> {
    process.kill(pid, 'SIGSTOP')
    await sleep(pause_ms)
    process.kill(pid, 'SIGCONT')
  }

  /** Until the gate sells, or could but for the stock; gives up after a while, because another fault may be why it does not. */
  async untilSelling(): Promise<void> {
    const deadline = Date.now() + SELLING_PATIENCE_MS
    while (Date.now() < deadline) {
      const response = await fetch(`${this.stack.urls.gate}/sales/${this.sale}/state`).catch(() => undefined)
      const state = (await response?.json().catch(() => undefined)) as { phase?: string } | undefined
      if (SELLING.includes(state?.phase ?? '')) return
      await sleep(SELLING_POLL_MS)
    }
  }

  /** Some time between the two, drawn from the schedule's seed. */
  async wait(low_ms: number, high_ms: number): Promise<void> {
    await sleep(this.random.between(low_ms, high_ms))
  }

  /** Runs a command at Redis over a connection of its own. */
  async redis<T>(use: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = new RedisClient(this.stack.urls.redis, { lazyConnect: true, maxRetriesPerRequest: 1 })
    client.on('error', () => {}) // shown by the call that fails
    await client.connect()
    try {
      return await use(client)
    } finally {
      client.disconnect()
    }
  }

  /** From now on reservations made before may be unknown to Redis. */
  noteLoss(): void {
    this.losses_ms.push(Date.now())
  }

  private get aof(): string {
    return join(this.stack.redis.dir, 'appendonlydir')
  }

  copyAof(): string {
    const copy = join(this.stack.dir, 'aof-before')
    rmSync(copy, { recursive: true, force: true })
    cpSync(this.aof, copy, { recursive: true })
    return copy
  }

  /** Only while Redis is down. */
  putBackAof(copy: string): void {
    rmSync(this.aof, { recursive: true, force: true })
    cpSync(copy, this.aof, { recursive: true })
  }
}
