// The README's first sale, run as it stands there: only addresses and the admin token are put in.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDemoSales } from '../demo-sale'
import { ROOT, type Stack, startStack } from '../stack'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block as string)

let dir: string
let stack: Stack

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-readme-'))
  stack = await startStack({ dir })
  await makeDemoSales(stack)
})

afterAll(async () => {
  await stack?.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** Everything that the commands print, one JSON document after the other. */
async function run(script: string): Promise<Record<string, unknown>[]> {
  const here = script
    .replaceAll('http://127.0.0.1:8080', stack.urls.gate)
    .replaceAll('http://127.0.0.1:8081', stack.urls.backend)
    .replaceAll('Bearer …', `Bearer ${stack.admin_token}`)
    // the README sleeps for a reader's machine; a busy one needs longer
    .replaceAll('sleep 1', 'sleep 4')
  const { stdout } = await promisify(execFile)('sh', ['-euc', here])
  return stdout
    .replaceAll('}{', '}\n{')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('the first sale: open, confirmed, paid, limit reached', async () => {
  const [state, confirmed, paid, refused] = await run(blocks[0] ?? '')
  expect(state).toMatchObject({ sale: 'demo', phase: 'open' })
  expect(confirmed).toMatchObject({ status: 'confirmed', quantity: 2 })
  expect(confirmed).toHaveProperty('pay_by')
  expect(paid).toMatchObject({ status: 'paid', reservation: confirmed?.reservation })
  expect(refused).toMatchObject({ code: 'limit_reached', reservations: [confirmed?.reservation] })
})

test('a sale of one’s own is open afterwards, with every unit accounted for', async () => {
  const printed = await run(`JSON='content-type: application/json'\n${blocks[1]}`)
  expect(printed.at(-1)).toMatchObject({ balanced: true, skus: [{ sku: 'cup', total: 50, granted: 50, free: 50 }] })
  const phase = async () =>
    ((await (await fetch(`${stack.urls.gate}/sales/my-sale/state`)).json()) as { phase: string }).phase
  await expect.poll(phase, { timeout: 10_000 }).toBe('open')
})

test('every folder, file and npm command that it names exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const commands = [...readme.matchAll(/npm (?:run )?(start|test|load|faults|bench|check)\b/g)].map(([, name]) => name)
  expect(commands.length).toBeGreaterThan(5)
  for (const name of commands) expect(Object.keys(scripts)).toContain(name)
  const places = [...readme.matchAll(/`((?:[a-z-]+\/)+|[a-z-]+\.(?:json|yml))`/g)].map(([, place]) => place as string)
  expect(places.length).toBeGreaterThan(8)
  for (const place of places) expect(existsSync(join(ROOT, place)), place).toBe(true)
})
