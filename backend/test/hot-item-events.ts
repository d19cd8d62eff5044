// Events of items for tests, and a door before Elasticsearch that can be shut.
import { connect, createServer, type Socket } from 'node:net'
import type { HotItemEvent } from '../../contract/hot-item-event'

/** The event of this number of a worker, at this time. */
export function eventAt(at_ms: number, seq: number, change: Partial<HotItemEvent> = {}): HotItemEvent {
  const sku = `item-${seq % 7}`
  return {
    uri: `/web/item/${sku}`,
    ip: `192.0.2.${seq % 50}`,
    token: '',
    actime: new Date(at_ms).toISOString(),
    sku,
    agent: 'chromium',
    status: 200,
    node: 'gate-1',
    worker: '00000000000000a0',
    seq,
    ...change,
  }
}

export interface Door {
  url: string
  /** breaks what goes through it, and lets nobody in */
  shut(): void
  open(): void
  close(): Promise<void>
}

/** What is behind it seems away while it is shut. */
export async function doorBefore(url: string): Promise<Door> {
  const { hostname, port } = new URL(url)
  const through = new Set<Socket>()
  let is_shut = false
  const server = createServer((from) => {
    if (is_shut) {
      from.destroy()
      return
    }
    const to = connect(Number(port), hostname)
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      through.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        through.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as { port: number }
  const shut = () => {
    is_shut = true
    for (const socket of through) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    shut,
    open: () => {
      is_shut = false
    },
    close: () => {
      shut()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
