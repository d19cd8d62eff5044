import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildShop } from './build'

/** All that a first visit loads, compressed. */
const GZ_BYTES_MAX = 30 * 1024

const out_dir = mkdtempSync(join(tmpdir(), 'rush-shop-'))
const read = (file: string) => readFileSync(join(out_dir, file), 'utf8')

beforeAll(() => buildShop(out_dir))
afterAll(() => rmSync(out_dir, { recursive: true }))

function addressesOf(page: string): string[] {
  return [...read(page).matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? '')
}

describe.each(['index.html', 'sale.html'])('%s', (page) => {
  it('asks only for assets that are there, each named by its content', () => {
    const addresses = addressesOf(page)
    expect(addresses).toHaveLength(3)
    for (const address of addresses) {
      expect(address).toMatch(/\.[0-9a-f]{10}\.(js|css|svg)$/)
      expect(readdirSync(join(out_dir, 'assets'))).toContain(address.replace('/assets/', ''))
    }
  })

  it('keeps to a policy without inline scripts, inline styles or anything from elsewhere', () => {
    const html = read(page)
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|"javascript:|https?:\/\//i)
    const tags = html.match(/<script[^>]*>/g) ?? []
    expect(tags).toHaveLength(1)
    for (const tag of tags) expect(tag).toContain('src="/assets/')
    expect(html).not.toContain('{{')
  })

  it(`weighs less than ${GZ_BYTES_MAX} bytes on the wire`, () => {
    const files = [page, ...addressesOf(page)]
    const bytes = files.reduce((sum, file) => sum + gzipSync(read(file)).length, 0)
    console.log(`${page}: ${bytes} bytes compressed`)
    expect(bytes).toBeLessThan(GZ_BYTES_MAX)
  })
})

describe('the build', () => {
  it('gives the same content the same name', async () => {
    const before = readdirSync(join(out_dir, 'assets')).toSorted()
    await buildShop(out_dir)
    expect(readdirSync(join(out_dir, 'assets')).toSorted()).toEqual(before)
  })

  it('puts nothing from the server into the page as markup', () => {
    const assets = readdirSync(join(out_dir, 'assets')).map((name) => `assets/${name}`)
    const scripts = [...assets, ...readdirSync(out_dir)].filter((name) => name.endsWith('.js'))
    expect(scripts.length).toBeGreaterThan(2)
    for (const file of scripts) {
      expect(read(file)).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/)
    }
  })
})
