// The floor of a refusal: plain nginx, one answer for everybody.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Peer, type PeerPlan, startNginxPeer } from '../peer'

export interface GivenAnswer {
  status: number
  /** by lower-case name, those that nginx sets itself left out */
  headers: Record<string, string>
  body: string
}

export function startBare429(plan: PeerPlan, { status, headers, body }: GivenAnswer): Promise<Peer> {
  const source = import.meta.dirname
  const lines = Object.entries(headers).map(([name, value]) => `add_header ${name} '${quoted(value)}' always;`)
  const template = readFileSync(join(source, 'nginx.conf.template'), 'utf8')
    .replace('@HEADERS@', () => lines.join('\n'))
    .replace('@STATUS@', String(status))
    .replace('@BODY@', () => quoted(body))
  return startNginxPeer('bare-429', source, template, plan)
}

/** Between single quotation marks of nginx's configuration. */
function quoted(text: string): string {
  if (/['$@\n]/.test(text)) throw new Error(`bare-429: this means something to nginx: ${text}`)
  return text.replaceAll('\\', '\\\\')
}
