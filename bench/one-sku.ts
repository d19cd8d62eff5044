// npm run bench -- one-sku: what one Redis core sells of one SKU, by the size of the batch.
//
// The real script with every duty, called with prepared batches over plain connections: no gate, no Lua client. A
// connection has one batch in flight, as a lane has.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { startRedis } from '../scripts/redis'
import { cpuMicroseconds } from './cpu'
import { buildGo, CACHE } from './go-programs'
import { answeredWrongly, generateLoad } from './load-generator'
import { machine } from './machine'
import { finish, progress, wholeNumber } from './report'
import { reserveCalls } from './reserve-calls'
import { countSold, loadSale, RedisImage, type Sale, soldWrongly } from './sale'
import type { Fsync } from './slice'
import { median, rounded } from './stats'
import { writeRecords } from './stream'

const SALE: Sale = { id: 'bench', sku: 'phone', epoch: 1 }
const BATCHES = [1, 16, 64, 256]
/** One batch in flight on each: enough that Redis is never idle. */
const CONNECTIONS_SINGLE = 64
const CONNECTIONS_BATCHED = 4

interface Cost {
  redis_us: number
  per_s: number
}

export async function oneSku(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { slices: { type: 'string', default: '7' }, purchases: { type: 'string', default: '51200' } },
  })
  const slices = wholeNumber('--slices', values.slices, 1, 1000)
  const asked = wholeNumber('--purchases', values.purchases, 256, 2_000_000)
  const purchases = asked - (asked % Math.max(...BATCHES)) // whole batches of every size
  const generator = buildGo('loadgen', 'loadgen')
  const dir = mkdtempSync(join(CACHE, 'one-sku-'))
  const wrong: string[] = []
  const server = await startRedis({ dir: join(dir, 'redis') })
  const redis = new Redis(server.url)
  try {
    await redis.config('SET', 'auto-aof-rewrite-percentage', '0')
    const script = readFileSync(join(import.meta.dirname, '../dist/redis/reserve.lua'), 'utf8')
    await redis.script('LOAD', script)
    const sha = createHash('sha1').update(script).digest('hex')
    for (const batch of BATCHES) writeRecords(join(dir, String(batch)), reserveCalls(sha, SALE, purchases, batch))
    await loadSale(redis, SALE, purchases)
    const image = await RedisImage.capture(redis)
    const costs = new Map<string, Cost[]>()
    for (let round = 0; round <= slices; round++) {
      for (const batch of round % 2 === 0 ? BATCHES : [...BATCHES].reverse()) {
        for (const fsync of ['no', 'always'] as const) {
          const plan = { generator, file: join(dir, String(batch)), batch, fsync, purchases }
          const cost = await slice(redis, server.port, server.pid, image, plan, wrong)
          if (round > 0) costs.set(`${batch} ${fsync}`, [...(costs.get(`${batch} ${fsync}`) ?? []), cost])
          progress(
            `${round === 0 ? 'warm-up' : `slice ${round}/${slices}`}  batch ${batch}, fsync ${fsync}: ${cost.redis_us.toFixed(2)} µs, ${Math.round(cost.per_s)}/s`,
          )
        }
      }
      if (wrong.length > 0) break
      await redis.bgrewriteaof()
    }
    const line: Record<string, unknown> = {}
    for (const batch of BATCHES) line[`batch_${batch}`] = summary(costs, batch)
    finish({ bench: 'one-sku', ...line, slices, purchases, wrong: wrong.length, machine: machine() }, wrong)
  } finally {
    redis.disconnect()
    await server.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function summary(costs: Map<string, Cost[]>, batch: number) {
  const of = (fsync: Fsync, key: keyof Cost) => median((costs.get(`${batch} ${fsync}`) ?? []).map((cost) => cost[key]))
  const redis_us = of('no', 'redis_us')
  return {
    redis_us: rounded(redis_us),
    /** what one core does when it does nothing else */
    per_core_s: rounded(1e6 / redis_us),
    /** what was reached with every batch on disk before its answer, waiting for the disk included */
    per_core_s_fsync: rounded(of('always', 'per_s')),
    redis_us_fsync: rounded(of('always', 'redis_us')),
  }
}

interface Plan {
  generator: string
  file: string
  batch: number
  fsync: Fsync
  purchases: number
}

async function slice(
  redis: Redis,
  port: number,
  pid: number,
  image: RedisImage,
  plan: Plan,
  wrong: string[],
): Promise<Cost> {
  await redis.config('SET', 'appendfsync', 'no')
  await image.restore(redis)
  await redis.config('SET', 'appendfsync', plan.fsync)
  const before = cpuMicroseconds([pid])
  const report = await generateLoad({
    program: plan.generator,
    port,
    file: plan.file,
    connections: plan.batch === 1 ? CONNECTIONS_SINGLE : CONNECTIONS_BATCHED,
    protocol: 'resp',
    expect: 'bulk',
    contains: ' held ',
  })
  const redis_us = cpuMicroseconds([pid]) - before
  const fault =
    answeredWrongly(report, 'bulk') ?? soldWrongly(await countSold(redis, SALE), plan.purchases, plan.purchases)
  if (fault !== undefined) wrong.push(`batch ${plan.batch}, fsync ${plan.fsync}: ${fault}`)
  else if (report.matched !== plan.purchases)
    wrong.push(`batch ${plan.batch}: ${report.matched} of ${plan.purchases} held`)
  return { redis_us: redis_us / plan.purchases, per_s: plan.purchases / report.elapsed_s }
}
