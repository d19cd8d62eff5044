// Tokens of limits that all gates share, taken from the Redis of volatile data through a lane of their own: a flood of
// limits fills no queue of reservations.
import { RATE_SLOTS, rateKey, ratesBornKey } from '../../../contract/keys'
import type { ClusterRate, Taken, TokenSource } from '../domain/cluster-rate'
import { sha256 } from './crypto'
import { addBatch, type Lane, laneRefusal, openBatch, submit } from './lane'
import { type Batch, newBatch, type Script } from './lane-batch'
import { nowS } from './nginx-calls'
import { askedName, script } from './redis-scripts'
import { rate as rate_text } from './scripts.generated'

const ITEM = '%.17g %.17g %.17g %d'

function itemOf(cluster: ClusterRate, wanted: number): string {
  return string.format(ITEM, cluster.rate.interval_ms, cluster.capacity, cluster.start, wanted)
}

function takenOf(line: string | undefined): Taken | undefined {
  if (line === undefined) return undefined
  const [given, ms] = string.match(line, '^(%d+) (%S+)')
  if (given === undefined || ms === undefined) return undefined
  return { given: tonumber(given) as number, ms: tonumber(ms) as number }
}

/** `prefix` keeps the subjects of one plugin apart from another's. */
export function clusterRates(lane: Lane, prefix: string): TokenSource {
  const rate_script: Script = script('rate', rate_text, false)

  function batchOf(channel: string, slot: number): Batch {
    const open = openBatch(lane, channel)
    if (open !== undefined) return open
    const batch = newBatch(rate_script, undefined, '', '', [ratesBornKey(slot)])
    addBatch(lane, channel, batch)
    return batch
  }

  return {
    take: (key, cluster, wanted) => {
      if (laneRefusal(lane) !== undefined) return undefined
      // users and addresses are not written down in Redis
      const name = ngx.encode_base64(sha256(prefix + key), true)
      const slot = ngx.crc32_short(name) % RATE_SLOTS
      const channel = 'rate ' + tostring(slot)
      const batch = batchOf(channel, slot)
      table.insert(batch.keys, rateKey(slot, name))
      const id = askedName()
      return takenOf(submit(lane, channel, batch, id, id + itemOf(cluster, wanted)).line)
    },
    now_ms: () => nowS() * 1000,
  }
}
