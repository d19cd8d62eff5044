// Whether dist/ is older than what it is made from.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const SOURCES = [
  'contract',
  'edge/src',
  'backend/src',
  'web',
  'nginx/njs',
  'scripts/build.ts',
  'scripts/lua-calls.ts',
  'scripts/lua-printer.ts',
  'package-lock.json',
  'tsconfig.edge.json',
  'tsconfig.redis.json',
  'tsconfig.backend.json',
]
const PRODUCTS = [
  'dist/rushgate.lua',
  'dist/backend/main.js',
  'dist/redis/reserve.lua',
  'dist/web',
  'dist/njs/outer.js',
]

export function isBuildNeeded(root: string): boolean {
  const built = PRODUCTS.map((product) => join(root, product))
  if (!built.every((product) => existsSync(product))) return true
  const oldest_product = Math.min(...built.map(modifiedAt))
  return SOURCES.some((source) => newestIn(join(root, source)) > oldest_product)
}

function modifiedAt(path: string): number {
  return statSync(path).mtimeMs
}

function newestIn(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 0
  // what the build itself writes among the sources says nothing
  if (!found.isDirectory()) return path.endsWith('.generated.ts') ? 0 : found.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newestIn(join(path, name))))
}
