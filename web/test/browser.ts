// A real Chromium on the shop's pages, which notes whatever a clean page must not have: console errors, exceptions, CSP violations.
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

// nothing of the browser's own may talk to the network
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function launchBrowser(): Promise<Browser> {
  const executablePath = CHROMIUM.find((path) => existsSync(path))
  if (executablePath === undefined) throw new Error(`no browser at ${CHROMIUM.join(', ')}: apt-get install chromium`)
  return chromium.launch({ executablePath, headless: true, args: ARGS })
}

export const PHONE = { width: 360, height: 740 }
export const DESKTOP = { width: 1280, height: 860 }

export interface Visit {
  context: BrowserContext
  page: Page
  /** must stay empty */
  faults: string[]
  /** set while a test cuts the connection itself: lost requests are then no fault of the page */
  cut_off: boolean
  /** refusals are answers, though Chromium writes each into its console: "409 POST /path" */
  refusals: string[]
}

export async function visit(browser: Browser, base: string, viewport = DESKTOP): Promise<Visit> {
  const context = await browser.newContext({ baseURL: base, viewport, reducedMotion: 'reduce' })
  const page = await context.newPage()
  const faults: string[] = []
  const refusals: string[] = []
  const noted: Visit = { context, page, faults, refusals, cut_off: false }
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`))
  page.on('console', (message) => {
    const text = message.text()
    const refused = text.startsWith('Failed to load resource: the server responded with a status of 4')
    const lost = noted.cut_off && text.startsWith('Failed to load resource: net::ERR_')
    if (message.type() === 'error' && !refused && !lost) faults.push(`console: ${text} (${page.url()})`)
  })
  page.on('response', (response) => {
    const what = `${response.status()} ${response.request().method()} ${new URL(response.url()).pathname}`
    if (response.status() >= 500) faults.push(what)
    else if (response.status() >= 400) refusals.push(what)
  })
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP: ${event.violatedDirective} forbids ${event.blockedURI}`)
    })
  })
  return noted
}
