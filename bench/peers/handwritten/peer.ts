// A hand-written Lua gate: what one would build without Rushgate.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerPlan, startNginxPeer } from '../peer'

export function startHandwritten(plan: PeerPlan): Promise<Peer> {
  const source = import.meta.dirname
  return startNginxPeer('handwritten', source, readFileSync(join(source, 'nginx.conf.template'), 'utf8'), plan)
}
