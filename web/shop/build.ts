// Builds the shopper's pages: two static documents and their assets, each asset named by its own content.
//
// An asset never changes under its name, so it may be cached for ever; the documents are small and re-checked.
// Beside each file lies its .gz, for nginx's gzip_static.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build as esbuild } from 'esbuild'

/** Older phones are phones too: 2023 and later. */
const TARGETS = ['chrome110', 'firefox115', 'safari16.4']
const HASH_LENGTH = 10

/** This folder: beside this file, or below the working directory where the bundle has moved it. */
const source = dirname(fileURLToPath(import.meta.url))

interface Asset {
  name: string
  bytes: Uint8Array
}

async function bundle(entry: string, name: string, format: 'esm' | 'iife' = 'esm'): Promise<Asset> {
  const result = await esbuild({
    entryPoints: [join(source, entry)],
    bundle: true,
    write: false,
    minify: true,
    format,
    platform: 'browser',
    target: TARGETS,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  })
  const bytes = result.outputFiles[0]?.contents
  if (bytes === undefined) throw new Error(`web/shop/${entry}: esbuild has put nothing out`)
  return { name, bytes }
}

function hashedName(asset: Asset): string {
  const hash = createHash('sha256').update(asset.bytes).digest('hex').slice(0, HASH_LENGTH)
  const dot = asset.name.lastIndexOf('.')
  return `${asset.name.slice(0, dot)}.${hash}${asset.name.slice(dot)}`
}

function write(file: string, bytes: Uint8Array): void {
  writeFileSync(file, bytes)
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
}

/** Puts the addresses of assets in the place of {{name}}, and takes the indentation out. */
function fill(page: string, template: string, addresses: Map<string, string>): string {
  const filled = template.replace(/\{\{([^}]+)\}\}/g, (_, name: string) => {
    const address = addresses.get(name)
    if (address === undefined) throw new Error(`web/shop/${page}: no asset is named ${name}`)
    return address
  })
  // what is said to the linter is nobody else's business
  return filled.replace(/<!-- biome-ignore [^>]*-->/g, '').replace(/\n\s+/g, '\n')
}

export async function buildShop(out_dir: string): Promise<void> {
  rmSync(out_dir, { recursive: true, force: true })
  mkdirSync(join(out_dir, 'assets'), { recursive: true })
  const assets = [
    await bundle('home.ts', 'home.js'),
    await bundle('sale.ts', 'sale.js'),
    await bundle('proof-worker.ts', 'proof-worker.js', 'iife'),
    await bundle('styles/shop.css', 'shop.css'),
    { name: 'icon.svg', bytes: readFileSync(join(source, 'icon.svg')) },
  ]
  const addresses = new Map<string, string>()
  for (const asset of assets) {
    const name = hashedName(asset)
    addresses.set(asset.name, `/assets/${name}`)
    write(join(out_dir, 'assets', name), asset.bytes)
  }
  // what pages of the backend name: without a hash, which the backend would have to know
  write(join(out_dir, 'catalogue.css'), (await bundle('styles/catalogue.css', 'catalogue.css')).bytes)
  write(join(out_dir, 'visit.js'), (await bundle('visit.ts', 'visit.js')).bytes)
  mkdirSync(join(out_dir, 'pictures'))
  for (const picture of readdirSync(join(source, 'pictures'))) {
    write(join(out_dir, 'pictures', picture), readFileSync(join(source, 'pictures', picture)))
  }
  write(join(out_dir, 'robots.txt'), readFileSync(join(source, 'robots.txt')))
  for (const page of ['index.html', 'sale.html']) {
    const html = fill(page, readFileSync(join(source, page), 'utf8'), addresses)
    write(join(out_dir, page), Buffer.from(html))
  }
}
