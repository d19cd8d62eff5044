// The same purchase in Go.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../scripts/ports'
import { ManagedProcess } from '../../../scripts/processes'
import { buildGo } from '../../go-programs'
import { answers, type Peer, type PeerPlan, peerEnvironment } from '../peer'

const GOMAXPROCS = 1

export async function startGo(plan: PeerPlan): Promise<Peer> {
  mkdirSync(plan.dir, { recursive: true })
  const port = await freePort()
  const server = new ManagedProcess({
    name: 'go',
    command: buildGo('peers/go', 'peer-go'),
    args: [],
    env: { ...peerEnvironment(plan, port), GOMAXPROCS: String(GOMAXPROCS) },
    log_file: join(plan.dir, 'go.log'),
    ready: () => answers(port),
  })
  await server.start()
  return { port, pids: () => [server.pid], stop: () => server.stop() }
}
