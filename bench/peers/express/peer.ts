// The same purchase in Node.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../scripts/ports'
import { ManagedProcess } from '../../../scripts/processes'
import { answers, type Peer, type PeerPlan, peerEnvironment } from '../peer'

export async function startExpress(plan: PeerPlan): Promise<Peer> {
  mkdirSync(plan.dir, { recursive: true })
  const port = await freePort()
  const server = new ManagedProcess({
    name: 'express',
    command: process.execPath,
    args: [join(import.meta.dirname, 'server.mjs')],
    env: { ...peerEnvironment(plan, port), NODE_ENV: 'production' },
    log_file: join(plan.dir, 'express.log'),
    ready: () => answers(port),
  })
  await server.start()
  return { port, pids: () => [server.pid], stop: () => server.stop() }
}
