// The thread that a draw is made in: a million entrants take seconds of hashing, and the settler shares the main thread's core.
import { parentPort } from 'node:worker_threads'
import { makeDraw } from './draw'
import { packRanks } from './packed'

export type DrawRequest =
  | { kind: 'draw'; sale: string; secret: string; beacon: string; entries: string[]; closed_ms: number }
  | { kind: 'ranks'; order: string[] }

function answer(request: DrawRequest): unknown {
  if (request.kind === 'ranks') return packRanks(request.order)
  return makeDraw(request.sale, request.secret, request.beacon, request.entries, request.closed_ms)
}

parentPort?.once('message', (request: DrawRequest) => parentPort?.postMessage(answer(request)))
