// What a rebuild writes into a shard that it has closed.
//
// Guarantee: every write is refused once the shard is on another epoch, or open (edge/src/redis/load.ts), and LeftEpoch is thrown: a
// rebuilder that was frozen and overtaken leaves alone what another one has loaded and what was sold since.
import type { Redis } from 'ioredis'
import { metaKey } from '../../../contract/keys'
import type { ScriptCall, Scripts } from './scripts'

/** Values in one command, and commands in one pipeline: bounds how long Redis and its fsync are held up. */
const VALUES_AT_ONCE = 1000
const COMMANDS_AT_ONCE = 50

/** Another rebuild has taken the shard over. */
export class LeftEpoch extends Error {
  constructor(sale: string, shard: number, epoch: number) {
    super(`shard ${shard} of sale ${sale} left epoch ${epoch} during its rebuild`)
  }
}

type Value = string | number | Buffer

export class ClosedShard {
  private waiting: ScriptCall[] = []

  constructor(
    private readonly redis: Redis,
    private readonly scripts: Scripts,
    readonly sale: string,
    readonly shard: number,
    readonly epoch: number,
  ) {}

  /** One command, and whatever waits before it. */
  async run(command: string, keys: string[], ...values: Value[]): Promise<void> {
    this.add(command, keys, values)
    await this.flush()
  }

  /** In pieces of an even number of values, so that fields stay with their values; sent with the next ones, or by `flush`. */
  async write(command: string, key: string, values: Value[]): Promise<void> {
    for (let from = 0; from < values.length; from += VALUES_AT_ONCE) {
      this.add(command, [key], values.slice(from, from + VALUES_AT_ONCE))
      if (this.waiting.length >= COMMANDS_AT_ONCE) await this.flush()
    }
  }

  async flush(): Promise<void> {
    const calls = this.waiting
    this.waiting = []
    const replies = await this.scripts.runMany(this.redis, 'load', calls)
    if (replies.includes('stale')) throw new LeftEpoch(this.sale, this.shard, this.epoch)
  }

  private add(command: string, keys: string[], values: Value[]): void {
    const meta = metaKey(this.sale, this.shard)
    this.waiting.push({ keys: [meta, ...keys], args: [this.epoch, command, ...values] })
  }
}
