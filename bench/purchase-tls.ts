// npm run bench -- purchase --tls: what a purchase costs the gate over TLS, by what the phone must do before it: a full handshake, a
// resumed one, or nothing but a stream of an HTTP/2 connection that is there. Beside it the same gate without TLS, kept connections.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { trialCertificate } from '../scripts/nginx'
import { buildGo, CACHE } from './go-programs'
import type { TlsMode } from './load-generator'
import { machine } from './machine'
import type { Peer } from './peers/peer'
import { costs, describe, unexpectedErrors } from './purchase'
import { finish, progress } from './report'
import { RedisImage } from './sale'
import { openShop, type Shop } from './shop'
import { runSlice, type Slice } from './slice'
import { writePurchases } from './stream'

const SPARE_UNITS = 100

const WAYS: { name: string; tls?: TlsMode }[] = [
  { name: 'plain' },
  { name: 'tls_new', tls: 'new' },
  { name: 'tls_resumed', tls: 'resumed' },
  { name: 'h2', tls: 'h2' },
]

interface TlsPlan {
  slices: number
  requests: number
  connections: number
  guarded: boolean
}

export async function purchaseTls({ slices, requests, connections, guarded }: TlsPlan): Promise<void> {
  const generator = buildGo('loadgen', 'loadgen')
  const dir = mkdtempSync(join(CACHE, 'purchase-tls-'))
  const units = requests + SPARE_UNITS
  progress('starting Redis, backend and gate')
  let shop: Shop | undefined
  try {
    shop = await openShop(dir, units, { with_gate: true, tls: trialCertificate(join(dir, 'tls')), guarded })
    const image = await RedisImage.capture(shop.redis)
    const results = new Map<string, Slice[]>(WAYS.map(({ name }) => [name, []]))
    const wrong: string[] = []
    const stream = join(dir, 'stream')
    for (let round = 0; round <= slices && wrong.length === 0; round++) {
      // round 0 warms up, as in purchase.ts
      writePurchases(stream, shop.sale, shop.secret, round, requests)
      for (const { name, tls } of round % 2 === 0 ? WAYS : [...WAYS].reverse()) {
        const peer = (tls === undefined ? shop.gate : shop.gate_tls) as Peer
        const fixed = { fsync: 'always', sells: true, generator, stream, connections, requests, units } as const
        const slice = await runSlice(shop, image, { name, peer, tls, ...fixed })
        if (slice.wrong !== undefined) wrong.push(`${name}, slice ${round}: ${slice.wrong}`)
        if (round > 0) results.get(name)?.push(slice)
        progress(describe(round, slices, name, slice))
      }
    }
    wrong.push(...unexpectedErrors(shop.gate_errors()))
    const counts = { slices, requests, connections, wrong: wrong.length }
    finish(
      {
        bench: 'purchase',
        tls: true,
        gate: guarded ? 'full' : 'default',
        ...costs(results),
        ...counts,
        machine: machine(),
      },
      wrong,
    )
  } finally {
    await shop?.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}
