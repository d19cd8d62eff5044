// A cable between a test's backend and an engine that other tests use too: it can be cut, and mended.

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

export class Cable {
  private state: 'whole' | 'cut' | 'hangs' = 'whole'
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(url: string): Promise<Cable> {
    const { hostname, port } = new URL(url)
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const cable = new Cable(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    server.on('connection', (near) => cable.join(near, Number(port), hostname))
    return cable
  }

  /** Connections break, and new ones too. */
  cut(): void {
    this.state = 'cut'
    this.breakAll()
  }

  /** Whoever connects or asks waits for an answer that does not come. */
  hang(): void {
    this.state = 'hangs'
    this.breakAll()
  }

  mend(): void {
    this.state = 'whole'
    this.breakAll()
  }

  async remove(): Promise<void> {
    this.breakAll()
    await new Promise((done) => this.server.close(done))
  }

  private breakAll(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  private join(near: Socket, port: number, host: string): void {
    this.keep(near)
    if (this.state === 'cut') near.destroy()
    if (this.state !== 'whole') return
    const far = connect(port, host)
    this.keep(far)
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.sockets.delete(socket))
  }
}
