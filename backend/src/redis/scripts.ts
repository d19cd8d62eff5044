// The Redis scripts by name, as `npm run build` leaves them in dist/redis (their sources: edge/src/redis/).
//
// EVALSHA first; where Redis does not know the script (it was restarted or flushed), EVAL, which teaches it.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'

const SCRIPT_NAMES = [
  'give-back',
  'publish',
  'take',
  'close',
  'load',
  'configure',
  'close-draw',
  'finish-draw',
  'tend-room',
  'keep-checkout',
  'leave-checkout',
] as const
type ScriptName = (typeof SCRIPT_NAMES)[number]

export interface ScriptCall {
  keys: string[]
  args: (string | number | Buffer)[]
}

/** A call's own failure; the other calls of its pipeline are not touched by it. */
class ScriptError extends Error {}

interface Script {
  text: string
  sha: string
}

/** dist/redis, seen from the bundle (dist/backend/main.js) or from the source (backend/src/redis/). */
function scriptsFolder(): string {
  for (const relative of ['../redis/', '../../../dist/redis/']) {
    const folder = fileURLToPath(new URL(relative, import.meta.url))
    if (existsSync(`${folder}publish.lua`)) return folder
  }
  throw new Error('dist/redis/*.lua are missing: run `npm run build` first')
}

export class Scripts {
  private readonly scripts = new Map<ScriptName, Script>()

  constructor(folder = scriptsFolder()) {
    for (const name of SCRIPT_NAMES) {
      const text = readFileSync(`${folder}${name}.lua`, 'utf8')
      this.scripts.set(name, { text, sha: createHash('sha1').update(text).digest('hex') })
    }
  }

  async run(redis: Redis, name: ScriptName, call: ScriptCall): Promise<string> {
    const [reply] = await this.runMany(redis, name, [call])
    return reply as string
  }

  /** One pipeline; rejects when any of the calls failed. */
  async runMany(redis: Redis, name: ScriptName, calls: ScriptCall[]): Promise<string[]> {
    if (calls.length === 0) return []
    const { text, sha } = this.scripts.get(name) as Script
    const pipeline = redis.pipeline()
    for (const { keys, args } of calls) pipeline.evalsha(sha, keys.length, ...keys, ...args)
    const replies = (await pipeline.exec()) ?? []
    const unknown = calls.filter((_, i) => replies[i]?.[0]?.message.startsWith('NOSCRIPT'))
    let again: [Error | null, unknown][] = []
    if (unknown.length > 0) {
      const second = redis.pipeline()
      for (const { keys, args } of unknown) second.eval(text, keys.length, ...keys, ...args)
      again = (await second.exec()) ?? []
    }
    let next_again = 0
    return calls.map((_, i) => {
      let reply = replies[i]
      if (reply?.[0]?.message.startsWith('NOSCRIPT')) reply = again[next_again++]
      if (reply === undefined) throw new ScriptError(`${name}: no reply`)
      if (reply[0] !== null) throw reply[0]
      return String(reply[1])
    })
  }
}

/** Rejects with the first error among a pipeline's replies: ioredis itself resolves. */
export async function execAll(pipeline: ReturnType<Redis['pipeline']>): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? []
  return replies.map(([error, reply]) => {
    if (error !== null) throw error
    return reply
  })
}
