// Free TCP ports on loopback, and a plain word when one is taken.
//
// Ports are drawn below 32768: above it the kernel hands them to outgoing connections, so that a port which was
// free a moment ago would often be taken again under load before its server has bound it.
import { createServer } from 'node:net'

const PORT_MIN = 20000
const PORT_MAX = 32000
const DRAWS_MAX = 200

export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

const drawn = new Set<number>()

/** Ports that somebody has named for what starts later: none of them is drawn. */
export function keepPorts(...named: (number | undefined)[]): void {
  for (const port of named) if (port !== undefined) drawn.add(port)
}

/** A free port that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < DRAWS_MAX; i++) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    if (drawn.has(port)) continue
    if (await isPortFree(port)) {
      drawn.add(port)
      return port
    }
  }
  throw new Error(`no free port between ${PORT_MIN} and ${PORT_MAX} after ${DRAWS_MAX} draws`)
}
