// Tells the other gates what this one counts, and hears what they do, by a script on the Redis of volatile data.
import { hotItemsKey } from '../../../contract/keys'
import type { HotExchange } from './hot-items'
import { addBatch, type Lane, laneRefusal, submit } from './lane'
import { newBatch, type Script } from './lane-batch'
import { askedName, script } from './redis-scripts'
import { hotItems } from './scripts.generated'

/** a gate that has not told anything for so long is not counted */
const GATE_MS_MAX = 1000
const CHANNEL = 'hot-items'

export function hotExchange(lane: Lane): HotExchange {
  const hot_script: Script = script('hot-items', hotItems, true)
  return (gate, items) => {
    if (laneRefusal(lane) !== undefined) return undefined
    const batch = newBatch(hot_script, undefined, '', '', [hotItemsKey()])
    addBatch(lane, CHANNEL, batch)
    const id = askedName()
    return submit(lane, CHANNEL, batch, id, id + string.format('%s %d ', gate, GATE_MS_MAX) + items).line
  }
}
