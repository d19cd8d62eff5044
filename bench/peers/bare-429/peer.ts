// The floor of a refusal: plain nginx, one answer for everybody.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerPlan, startNginxPeer } from '../peer'

/** `body` goes into nginx's configuration as it stands. */
export function startBare429(plan: PeerPlan, body: string): Promise<Peer> {
  if (/['$@\\\n]/.test(body)) throw new Error(`bare-429: this body means something to nginx: ${body}`)
  const source = import.meta.dirname
  const template = readFileSync(join(source, 'nginx.conf.template'), 'utf8').replace('@BODY@', body)
  return startNginxPeer('bare-429', source, template, plan)
}
