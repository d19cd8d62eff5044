// The thread that a draw is made in: a million entrants take seconds of hashing, and the settler shares the main thread's core.
import { parentPort } from 'node:worker_threads'
import { makeDraw } from './draw'
import { packRanks } from './packed'

export type DrawRequest =
  | {
      kind: 'draw'
      sale: string
      secret: string
      beacon: string
      beacon_source: string
      entries: string[]
      closed_ms: number
    }
  | { kind: 'ranks'; order: string[] }

function answer(request: DrawRequest): unknown {
  if (request.kind === 'ranks') return packRanks(request.order)
  const { sale, secret, beacon, beacon_source, entries, closed_ms } = request
  return makeDraw(sale, secret, beacon, entries, closed_ms, beacon_source)
}

parentPort?.once('message', (request: DrawRequest) => parentPort?.postMessage(answer(request)))
