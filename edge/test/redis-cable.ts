// A cable between a gate and its Redis, on which answers can be lost or held back after Redis has done what was asked.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** `break` and `hang` lose the answer, the connection with it or not; a promise holds it back until it is kept. */
export type Fate = 'pass' | 'break' | 'hang' | Promise<void>

export class RedisCable {
  /** asked for each answer; a request is on its connection alone, because a lane waits for the answer before the next */
  fate: (request: string) => Fate = () => 'pass'
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(port: number): Promise<RedisCable> {
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const cable = new RedisCable(server, `redis://127.0.0.1:${(server.address() as AddressInfo).port}`)
    server.on('connection', (near) => cable.join(near, port))
    return cable
  }

  async remove(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((done) => this.server.close(done))
  }

  private join(near: Socket, port: number): void {
    const far = connect(port, '127.0.0.1')
    this.keep(near)
    this.keep(far)
    let request = ''
    let hangs = false
    near.on('data', (chunk) => {
      request += chunk.toString('latin1')
      far.write(chunk)
    })
    far.on('data', async (chunk) => {
      const fate = hangs ? 'hang' : request === '' ? 'pass' : this.fate(request)
      request = ''
      if (fate === 'hang') hangs = true
      else if (fate === 'break') near.destroy()
      else {
        far.pause()
        if (fate !== 'pass') await fate
        near.write(chunk)
        far.resume()
      }
    })
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.sockets.delete(socket))
  }
}
