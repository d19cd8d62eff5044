// What every test of the pages has: a whole stack, a browser, and a fresh visit whose faults fail the test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { GateSettings } from '../../contract/gate-settings'
import { type Stack, startStack } from '../../scripts/stack'
import { launchBrowser, type Visit, visit } from './browser'

export const MINUTE_MS = 60_000

interface LedgerTerms {
  skus: { sku: string; free: number; held: number; confirmed: number; paid: number }[]
  balanced: boolean
}

let stack: Stack
let browser: Browser
/** the visit of the present test */
export let shopper: Visit
export let page: Page
let sales = 0

interface SaleWish {
  opens_in_ms?: number
  total?: number
  user_max?: number
  hold_s?: number
  gate?: GateSettings
}

/** A sale of one SKU, loaded, under an id of its own. */
export async function makeSale({
  opens_in_ms = -1000,
  total = 10,
  user_max = 2,
  hold_s = 600,
  gate = {},
}: SaleWish = {}): Promise<string> {
  sales += 1
  const id = `pages-${sales}`
  const now_ms = Date.now()
  await stack.admin('POST', '/admin/sales', {
    id,
    title: `Page test ${sales}`,
    opens_at: new Date(now_ms + opens_in_ms).toISOString(),
    closes_at: new Date(now_ms + 60 * MINUTE_MS).toISOString(),
    hold_s,
    gate,
    skus: [{ sku: 'lamp', title: 'Reading lamp', price: { amount_minor: 4950, currency: 'EUR' }, total, user_max }],
  })
  await stack.admin('POST', `/admin/sales/${id}/prewarm`)
  // the gate follows the backend: a moment later it knows the sale, and that it is loaded
  const phase = async () => (await (await fetch(`${stack.urls.gate}/sales/${id}/state`)).json()).phase
  await expect.poll(phase).toBe(opens_in_ms < 0 ? 'open' : 'upcoming')
  return id
}

export async function terms(sale: string): Promise<LedgerTerms> {
  return stack.admin<LedgerTerms>('GET', `/admin/sales/${sale}/ledger`)
}

export const button = () => page.locator('[data-sku="lamp"] [data-part="button"]')
export const ticket = (status: string) => page.locator(`.ticket[data-status="${status}"]`)
export const note = () => page.locator('[data-sku="lamp"] [data-part="note"]')

export async function open(sale: string): Promise<void> {
  await page.goto(`/sales/${sale}`)
  await page.waitForSelector('body[data-ready]')
}

export async function signIn(name: string): Promise<void> {
  await page.locator('[data-part="sign-in"]').click()
  await page.fill('#user', name)
  await page.keyboard.press('Enter')
  await page.locator('#account [data-part="user"]', { hasText: name }).waitFor()
}

export async function forgetAllButUser(): Promise<void> {
  await page.evaluate(() => {
    for (const name of Object.keys(localStorage)) if (!name.endsWith('user')) localStorage.removeItem(name)
  })
}

/** A session of the API, for what another shopper does meanwhile. */
export async function otherShopper(user: string): Promise<(sale: string, quantity: number) => Promise<Response>> {
  const { sessions } = await stack.admin<{ sessions: { session: string }[] }>('POST', '/admin/demo-sessions', {
    count: 1,
    prefix: user,
  })
  return (sale, quantity) =>
    fetch(`${stack.urls.gate}/sales/${sale}/reservations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${sessions[0]?.session}`,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      },
      body: JSON.stringify({ sku: 'lamp', quantity }),
    })
}

export const theStack = (): Stack => stack

/** To be called once in each file of tests. */
export function useShop(): void {
  const dir = mkdtempSync(join(tmpdir(), 'rush-pages-'))

  beforeAll(async () => {
    stack = await startStack({ dir })
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    await stack?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  beforeEach(async () => {
    shopper = await visit(browser, stack.urls.gate)
    page = shopper.page
  })

  afterEach(async () => {
    const { faults } = shopper
    await shopper.context.close()
    expect(faults).toEqual([])
  })
}
