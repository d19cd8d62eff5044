// A cable between what is tested and a Redis or an engine that others use too: it can be cut and mended, and answers can be
// lost or held back after what was asked has been done.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** `break` and `hang` lose the answer, the connection with it or not; a promise holds it back until it is kept. */
export type Fate = 'pass' | 'break' | 'hang' | Promise<void>

export class Cable {
  /** asked for each answer, of clients that wait for one before they ask for the next on the same connection */
  fate: (request: string) => Fate = () => 'pass'
  private state: 'whole' | 'cut' | 'hangs' = 'whole'
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async to(url: string): Promise<Cable> {
    const { protocol, hostname, port } = new URL(url)
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const cable = new Cable(server, `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`)
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
