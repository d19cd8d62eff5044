// The floor: nginx and Lua, an empty answer.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerPlan, startNginxPeer } from '../peer'

export function startBare(plan: PeerPlan): Promise<Peer> {
  const source = import.meta.dirname
  return startNginxPeer('bare', source, readFileSync(join(source, 'nginx.conf.template'), 'utf8'), plan)
}
