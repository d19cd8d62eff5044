// npm run build: dist/redis/*.lua, dist/rushgate.lua, dist/backend/, dist/web/, dist/njs/.
//
// Redis scripts come first, because the gate carries the text of those it runs. One script is one file of
// TypeScript, compiled flat: types and const enums leave nothing behind, and the tail becomes a call.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build as esbuild, type Plugin } from 'esbuild'
import ts from 'typescript'
import * as tstl from 'typescript-to-lua'
import { readableLua } from './lua-printer'

interface Crawler {
  pattern: string
  tags: string[]
}

// a package that is one JSON file
const crawlers = createRequire(import.meta.url)('crawler-user-agents') as Crawler[]
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

function fail(diagnostics: readonly ts.Diagnostic[]): void {
  const errors = diagnostics.filter((diagnostic) => diagnostic.category === ts.DiagnosticCategory.Error)
  if (errors.length === 0) return
  const host = { getCanonicalFileName: (name: string) => name, getCurrentDirectory: () => root, getNewLine: () => '\n' }
  throw new Error(ts.formatDiagnostics(errors, host))
}

function transpile(config: string): Map<string, string> {
  const parsed = tstl.parseConfigFileWithSystem(join(root, config))
  fail(parsed.errors)
  const written = new Map<string, string>()
  const options = { ...parsed.options, luaPlugins: [{ plugin: readableLua }] }
  const result = tstl.transpileFiles(parsed.fileNames, options, (name, text) => {
    written.set(name, text)
  })
  fail(result.diagnostics)
  return written
}

function functionName(file: string): string {
  return file.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** The header of a script's source, as Lua comments: the contract travels with the script. */
function headerOf(source: string): string {
  const lines: string[] = []
  for (const line of source.split('\n')) {
    if (!line.startsWith('//')) break
    lines.push(line.replace(/^\/\//, '--'))
  }
  return lines.join('\n')
}

function flatten(name: string, source: string, lua: string): string {
  const entry = functionName(name)
  const flat = lua
    .replace('local ____exports = {}\n', '')
    .replace(`function ____exports.${entry}(`, `local function ${entry}(`)
    .replace(/return ____exports\n*$/, `return ${entry}(KEYS, ARGV)\n`)
  if (flat.includes('____exports') || flat.includes('__TS__')) {
    throw new Error(
      `edge/src/redis/${name}.ts: compiles to something that Redis cannot run: only one export, no lualib`,
    )
  }
  return `${headerOf(source)}\n${flat}`
}

function buildRedisScripts(): void {
  const folder = join(root, 'edge/src/redis')
  const written = transpile('tsconfig.redis.json')
  mkdirSync(join(dist, 'redis'), { recursive: true })
  for (const [path, lua] of written) {
    if (!path.endsWith('.lua')) continue
    const name = basename(path, '.lua')
    const source = readFileSync(join(folder, `${name}.ts`), 'utf8')
    writeFileSync(join(dist, 'redis', `${name}.lua`), flatten(name, source, lua))
  }
}

const IN_LANES = [
  'reserve',
  'lookup',
  'stock',
  'take-number',
  'draw-ticket',
  'claim',
  'is-reserved',
  'rate',
  'add-events',
  'hot-items',
]

/** The scripts that lanes run, as a module of the bundle. */
function writeScriptTexts(): void {
  const lines = ['// Made by scripts/build.ts from dist/redis: the scripts that lanes run.']
  for (const name of IN_LANES) {
    const text = readFileSync(join(dist, 'redis', `${name}.lua`), 'utf8')
    lines.push(`export const ${functionName(name)} = ${JSON.stringify(text)}`)
  }
  const file = join(root, 'edge/src/adapters/scripts.generated.ts')
  writeFileSync(file, `${lines.join('\n')}\n`)
}

/** The list of crawlers as three regular expressions: what fetches for anybody, what drives browsers, and all others. */
function writeAgentPatterns(): void {
  const lines = [
    '// Made by scripts/build.ts from the package crawler-user-agents (MIT, Martin Monperrus and contributors).',
  ]
  const isLibrary = ({ tags }: Crawler) => tags.includes('http-library')
  const isAutomation = (one: Crawler) => !isLibrary(one) && one.tags.includes('browser-automation')
  const lists: [name: string, is_in: (one: Crawler) => boolean][] = [
    ['LIBRARIES', isLibrary],
    ['AUTOMATION', isAutomation],
    ['CRAWLERS', (one) => !isLibrary(one) && !isAutomation(one)],
  ]
  for (const [name, is_in] of lists) {
    const patterns = crawlers.filter(is_in).map(({ pattern }) => pattern)
    lines.push(`export const ${name} = ${JSON.stringify(patterns.join('|'))}`)
  }
  writeFileSync(join(root, 'edge/src/adapters/agents.generated.ts'), `${lines.join('\n')}\n`)
}

function buildGate(): void {
  writeScriptTexts()
  writeAgentPatterns()
  for (const [path, text] of transpile('tsconfig.edge.json')) {
    if (path.endsWith('.lua')) {
      // renamed into place: a gate that reloads meanwhile never reads half a bundle
      const target = join(dist, 'rushgate.lua')
      writeFileSync(`${target}.new`, text)
      renameSync(`${target}.new`, target)
    }
  }
}

async function buildBackend(): Promise<void> {
  rmSync(join(dist, 'backend'), { recursive: true, force: true })
  await esbuild({
    entryPoints: {
      main: join(root, 'backend/src/main.ts'),
      'pglite-worker': join(root, 'backend/src/db/pglite-worker.ts'),
      'draw-worker': join(root, 'backend/src/draw/draw-worker.ts'),
    },
    outdir: join(dist, 'backend'),
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    loader: { '.sql': 'text' },
    logLevel: 'warning',
  })
}

// njs 0.7.9 speaks ES5 and little more: TypeScript takes the language down, esbuild puts the files together, and with its
// target makes an error of what is too new.
async function buildOuter(): Promise<void> {
  const downwards: Plugin = {
    name: 'es5',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const compilerOptions = { target: ts.ScriptTarget.ES5, module: ts.ModuleKind.ESNext }
        const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), { compilerOptions, fileName: path })
        return { contents: outputText, loader: 'js' }
      })
    },
  }
  const { outputFiles } = await esbuild({
    entryPoints: [join(root, 'nginx/njs/outer.ts')],
    bundle: true,
    write: false,
    external: ['crypto', 'fs'],
    format: 'esm',
    target: 'es5',
    plugins: [downwards],
    logLevel: 'warning',
  })
  const text = outputFiles[0]?.text ?? ''
  // the one form of export that njs knows
  const exported = text.replace(/export \{\s*(\w+) as default\s*\};\s*$/, 'export default $1;\n')
  if (exported === text) throw new Error('nginx/njs/outer.ts: has no default export that njs understands')
  mkdirSync(join(dist, 'njs'), { recursive: true })
  const target = join(dist, 'njs/outer.js')
  writeFileSync(`${target}.new`, exported)
  renameSync(`${target}.new`, target)
}

const parts: Record<string, () => void | Promise<void>> = {
  redis: buildRedisScripts,
  gate: buildGate,
  backend: buildBackend,
  njs: buildOuter,
  web: async () => (await import('../web/shop/build')).buildShop(join(dist, 'web')),
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2)
  const unknown = wanted.filter((name) => !(name in parts))
  if (unknown.length > 0)
    throw new Error(`build: no part named ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`)
  for (const [name, build] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const started = performance.now()
    await build()
    console.log(`built ${name} in ${Math.round(performance.now() - started)} ms`)
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
