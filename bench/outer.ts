// npm run bench -- outer: what the outer tier costs a request, beside the same nginx that only passes it on.
//
// The CPU time of the outer nginx alone, one worker, before one gate that sells (bench/README.md).
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Nginx } from '../scripts/nginx'
import { startOuter } from '../scripts/outer'
import { freePort } from '../scripts/ports'
import { cpuMicroseconds } from './cpu'
import { buildGo, CACHE } from './go-programs'
import { answeredWrongly, generateLoad } from './load-generator'
import { machine } from './machine'
import type { Peer } from './peers/peer'
import { costs, describe, unexpectedErrors } from './purchase'
import { finish, progress, wholeNumber } from './report'
import { RedisImage } from './sale'
import { openShop, type Shop } from './shop'
import { runSlice, type Slice } from './slice'
import { median, rounded } from './stats'
import { writePurchases } from './stream'

const SPARE_UNITS = 100
/** what refuses tokens that are signed with another */
const STRANGER = 'bench:a-secret-that-nobody-here-knows'

function proxyConfig(dir: string, port: number, gate: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${dir}/temp/${name};`,
  )
  return `daemon off; pid ${dir}/nginx.pid; error_log ${dir}/logs/error.log warn; worker_processes 1;
events { worker_connections 16384; }
http { access_log off; keepalive_requests 100000; ${temporary.join(' ')}
  upstream gates { server ${gate}; keepalive 64; keepalive_requests 10000; }
  server { listen 127.0.0.1:${port} backlog=16384;
    location = /livez { return 200; }
    location / { proxy_pass http://gates; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }
  }
}`
}

async function startProxy(dir: string, gate: string): Promise<Peer & { nginx: Nginx }> {
  const port = await freePort()
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok
  const nginx = new Nginx({ name: 'plain proxy', dir, config: proxyConfig(dir, port, gate), ready })
  await nginx.start()
  return asPeer(nginx, port)
}

function asPeer(nginx: Nginx, port: number): Peer & { nginx: Nginx } {
  return { nginx, port, pids: () => nginx.workers(), stop: () => nginx.stop() }
}

/** µs of an answer that the outer tier gives itself. */
async function refusal(peer: Peer, program: string, file: string, connections: number, wrong: string[]) {
  const before = cpuMicroseconds(peer.pids())
  const report = await generateLoad({ program, port: peer.port, file, connections, protocol: 'http', expect: '401' })
  const bad = answeredWrongly(report, '401')
  if (bad !== undefined) wrong.push(`forged: ${bad}`)
  return (cpuMicroseconds(peer.pids()) - before) / report.requests
}

async function startPeers(dir: string, shop: Shop): Promise<Map<string, Peer>> {
  const gate = `127.0.0.1:${shop.gate?.port}`
  const secret_file = join(dir, 'secrets')
  writeFileSync(secret_file, shop.secret)
  chmodSync(secret_file, 0o600)
  const peers = new Map<string, Peer>()
  for (const [name, file] of [
    ['outer', undefined],
    ['outer_file', secret_file],
  ] as const) {
    const port = await freePort()
    const options = { dir: join(dir, name), port, gates: [gate], secret: shop.secret, secret_file: file }
    peers.set(name, asPeer(await startOuter(options), port))
  }
  peers.set('proxy', await startProxy(join(dir, 'proxy'), gate))
  return peers
}

export async function outer(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      slices: { type: 'string', default: '9' },
      requests: { type: 'string', default: '20000' },
      connections: { type: 'string', default: '64' },
    },
  })
  const slices = wholeNumber('--slices', values.slices, 1, 1000)
  const requests = wholeNumber('--requests', values.requests, 100, 1_000_000)
  const connections = wholeNumber('--connections', values.connections, 1, 250)
  const generator = buildGo('loadgen', 'loadgen')
  const dir = mkdtempSync(join(CACHE, 'outer-'))
  const units = requests + SPARE_UNITS
  progress('starting Redis, backend, gate and what stands before it')
  let shop: Shop | undefined
  let peers = new Map<string, Peer>()
  try {
    shop = await openShop(join(dir, 'shop'), units, { with_gate: true })
    peers = await startPeers(dir, shop)
    const image = await RedisImage.capture(shop.redis)
    const results = new Map<string, Slice[]>([...peers.keys()].map((name) => [name, []]))
    const forged_us: number[] = []
    const wrong: string[] = []
    const [stream, forged] = [join(dir, 'stream'), join(dir, 'forged')]
    for (let round = 0; round <= slices && wrong.length === 0; round++) {
      writePurchases(stream, shop.sale, shop.secret, round, requests)
      for (const [name, peer] of round % 2 === 0 ? [...peers] : [...peers].reverse()) {
        const fixed = { fsync: 'always', sells: true, generator, stream, connections, requests, units } as const
        const slice = await runSlice(shop, image, { name, peer, ...fixed })
        if (slice.wrong !== undefined) wrong.push(`${name}, slice ${round}: ${slice.wrong}`)
        if (round > 0) results.get(name)?.push(slice)
        progress(describe(round, slices, name, slice))
      }
      writePurchases(forged, shop.sale, STRANGER, round, requests)
      const us = await refusal(peers.get('outer') as Peer, generator, forged, connections, wrong)
      if (round > 0) forged_us.push(us)
      progress(`${' '.repeat(12)}forged, refused     ${us.toFixed(1)} µs`)
    }
    wrong.push(...unexpectedErrors(shop.gate_errors()))
    const line = { ...costs(results), forged_us: rounded(median(forged_us)) }
    const counts = { slices, requests, connections, wrong: wrong.length }
    finish({ bench: 'outer', ...line, ...counts, machine: machine() }, wrong)
  } finally {
    for (const peer of peers.values()) await peer.stop()
    await shop?.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}
