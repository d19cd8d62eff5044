// The costly parts of a draw, each in a thread that lives for it.
import { once } from 'node:events'
import { startWorker } from '../start-worker'
import type { DrawTranscript } from './draw'
import type { DrawRequest } from './draw-worker'

async function inThread<T>(request: DrawRequest): Promise<T> {
  const worker = startWorker(new URL('./draw-worker', import.meta.url))
  try {
    worker.postMessage(request)
    const exited = once(worker, 'exit').then(([code]) => {
      throw new Error(`the draw's thread has ended with code ${code}`)
    })
    const [result] = await Promise.race([once(worker, 'message'), exited])
    exited.catch(() => undefined)
    return result as T
  } finally {
    await worker.terminate()
  }
}

export function drawInThread(draw: Omit<DrawRequest & { kind: 'draw' }, 'kind'>): Promise<DrawTranscript> {
  return inThread({ kind: 'draw', ...draw })
}

export async function ranksInThread(order: string[]): Promise<Buffer> {
  return Buffer.from(await inThread<Uint8Array>({ kind: 'ranks', order }))
}
