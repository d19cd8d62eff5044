// The floor of an item's page: plain nginx, the same bytes as a file.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerPlan, startNginxPeer } from '../peer'

/** Serves `page` at /web/item/`id`. */
export function startStaticFile(plan: PeerPlan, id: string, page: string): Promise<Peer> {
  const folder = join(plan.dir, 'pages/web/item')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, id), page)
  const source = import.meta.dirname
  return startNginxPeer('static-file', source, readFileSync(join(source, 'nginx.conf.template'), 'utf8'), plan)
}
