// The outer tier before two gates of one shop, for tests.
import { join } from 'node:path'
import { Shop, startShop, until } from '../../edge/test/shop'
import type { Nginx } from '../../scripts/nginx'
import { type OuterOptions, startOuter } from '../../scripts/outer'
import { freePort } from '../../scripts/ports'
import { type AnotherGate, type StackOptions, startAnotherGate } from '../../scripts/stack'

export interface Front {
  /** asked at its first gate */
  shop: Shop
  second: AnotherGate
  outer: Nginx
  /** the same shop, asked through the outer tier */
  front: Shop
  /** both gates know that the sale is open */
  open: (...sale: Parameters<Shop['open']>) => Promise<void>
  close: () => Promise<void>
}

interface FrontOptions {
  /** of both gates and the backend */
  env?: StackOptions['env']
  /** path of the rushgate.json of both gates */
  config?: string
  outer?: Partial<OuterOptions>
}

export async function startFront({ env, config, outer: more }: FrontOptions = {}): Promise<Front> {
  const shop = await startShop({ env, config })
  const second = await startAnotherGate(shop.stack, 'second', { env, config })
  const port = await freePort()
  const gates = [shop.stack.urls.gate, second.urls.gate].map((url) => new URL(url).host)
  const dir = join(shop.dir, 'outer')
  const outer = await startOuter({ dir, port, gates, secret: shop.stack.secret, workers: 2, ...more })
  const urls = { ...shop.stack.urls, gate: `http://127.0.0.1:${port}` }
  const front = new Shop(Object.create(shop.stack, { urls: { value: urls } }), shop.dir)
  const open: Front['open'] = async (...sale) => {
    await shop.open(...sale)
    const state = async () => (await fetch(`${second.urls.gate}/sales/${sale[0]}/state`)).text()
    await until(async () => (await state()).includes('"open"'))
  }
  const close = async () => {
    await outer.stop()
    await second.gate.stop()
    await shop.close()
  }
  return { shop, second, outer, front, open, close }
}
