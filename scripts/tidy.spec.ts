// Taste, executable: how the tree is written, and that each of these rules catches what it is for.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { plugins } from '../edge/src/plugins/index'
import { bundleHelpers, scriptHelpers } from './tidy/emitted'
import { type Finding, formatFinding, ourFiles, root, type SourceFile } from './tidy/files'
import { allImports, deadFiles, importCircles, wrongDirections } from './tidy/layers'
import { brokenLinks, mappedTwice, unknownMetrics, unknownVariables } from './tidy/manuals'
import { longFiles, pluginFolders, versions, wrongTexts } from './tidy/repository'
import { bannedConstructs, bothProgram, longFunctions } from './tidy/syntax'

function file(path: string, text = ''): SourceFile {
  return { path, text }
}

function lines(findings: Finding[]): string[] {
  return findings.map(formatFinding)
}

function built(path: string): SourceFile {
  if (!existsSync(root + path)) throw new Error(`${path} is missing: npm run build`)
  return { path, text: readFileSync(root + path, 'utf8') }
}

describe('the tree', () => {
  const files = ourFiles()
  const imports = allImports(files)

  it('imports inwards only, and not in circles', () => {
    expect(lines([...wrongDirections(imports), ...importCircles(imports)])).toEqual([])
  })

  it('uses nothing that means another thing in Lua', () => {
    const program = bothProgram(root, files)
    const checker = program.getTypeChecker()
    const findings: Finding[] = []
    for (const file of files.filter((one) => /^(contract|edge\/src)\/.*\.ts$/.test(one.path))) {
      const shared = program.getSourceFile(root + file.path)
      const source = shared ?? ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ESNext, true)
      findings.push(...bannedConstructs(file.path, source, shared ? checker : undefined))
    }
    expect(lines(findings)).toEqual([])
  })

  it('has files and functions of a readable length', () => {
    expect(lines(files.flatMap((file) => [...longFiles(file), ...longFunctions(file)]))).toEqual([])
  })

  it('has no dead files', () => {
    expect(lines(deadFiles(files, imports))).toEqual([])
  })

  it('has no leftovers, machine paths or registries', () => {
    expect(lines(files.flatMap(wrongTexts))).toEqual([])
  })

  it('has manuals that name what is there', () => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
    expect(lines(brokenLinks(files, Object.keys(scripts)))).toEqual([])
    expect(lines([...mappedTwice(files), ...unknownVariables(files), ...unknownMetrics(files)])).toEqual([])
  })

  it('has one version and whole plugin folders', () => {
    const of_plugins = Object.fromEntries(plugins.map((plugin) => [plugin.name, plugin.version]))
    expect(lines([...versions(files, of_plugins), ...pluginFolders(files)])).toEqual([])
  })
})

describe('what is built', () => {
  it('carries no helper of the compiler that is not allowed', () => {
    expect(lines(bundleHelpers(built('dist/rushgate.lua')))).toEqual([])
  })

  it('runs in Redis: no helpers, no modules', () => {
    const scripts = readdirSync(`${root}edge/src/redis`).filter((name) => /^[^.]+\.ts$/.test(name))
    expect(scripts.length).toBeGreaterThan(0)
    for (const name of scripts) {
      expect(lines(scriptHelpers(built(`dist/redis/${name.replace(/\.ts$/, '.lua')}`)))).toEqual([])
    }
  })
})

// Each rule is broken once here, so that it is known to bite.
describe('rules bite', () => {
  const libraries = new Map<string, ts.SourceFile>()

  /** Findings of a snippet as if it stood at `path`, type checked on its own. */
  function banned(path: string, text: string): string[] {
    const options: ts.CompilerOptions = { target: ts.ScriptTarget.ESNext, strict: true, noLib: false, types: [] }
    const host = ts.createCompilerHost(options, true)
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
    const original = host.getSourceFile
    host.getSourceFile = (name, ...rest) => {
      if (name === path) return source
      const known = libraries.get(name) ?? original(name, ...rest)
      if (known) libraries.set(name, known)
      return known
    }
    const program = ts.createProgram([path], options, host)
    return bannedConstructs(path, source, program.getTypeChecker()).map((finding) => finding.message)
  }

  const DOMAIN = 'edge/src/domain/x.ts'
  const ADAPTER = 'edge/src/adapters/x.ts'

  it('on constructs in code that runs in both', () => {
    const snippets: [code: string, what: string][] = [
      ['export const a = new Map<string, string>()', 'Map'],
      ['export const a: Set<string> | undefined = undefined', 'Set'],
      ['export const a = null', 'null'],
      ['export const a = /x/', 'a regular expression'],
      ['export const a = (b: number[]) => Math.max(...b)', 'spread'],
      ['export const a = (b: object) => ({ ...b })', 'object spread'],
      ['export function a(...b: number[]) { return b }', 'a rest parameter'],
      ['export function a() { try { return 1 } finally { return 2 } }', 'try'],
      ['export function a() { throw 1 }', 'throw'],
      ['export async function a() { return 1 }', 'async'],
      ['export function* a() { yield 1 }', 'a generator'],
      ['export class A { get b() { return 1 } }', 'a getter'],
      ['export const a = Date.now()', 'Date'],
      ['export const a = JSON.stringify(1)', 'JSON'],
      ['export let a = 1', 'an exported let'],
      ['export const a = 1 >>> 1', '>>>'],
      ['export const a = [2, 1].sort()', 'sort() without a comparator'],
      ['declare const ngx: { now(): number }\nexport const a = ngx.now()', 'ngx'],
      ['declare class LuaTable {}\nexport const a = new LuaTable()', 'LuaTable'],
      ['export const a = (b: { c?: number }) => { delete b.c }', 'delete'],
    ]
    for (const [code, what] of snippets) {
      const found = banned(DOMAIN, code)
      expect(
        found.some((message) => message.startsWith(`uses ${what}: use `)),
        `${code}\n${found.join('\n')}`,
      ).toBe(true)
    }
  })

  it('on the truth of texts and numbers', () => {
    for (const code of [
      'export const a = (b: string) => { if (b) return 1; return 2 }',
      'export const a = (b: number | undefined) => !b',
      'export const a = (b: string | undefined) => b || "x"',
      'export const a = (b: number) => (b ? 1 : 2)',
    ]) {
      expect(banned(DOMAIN, code)[0], code).toContain('uses the truth of a text or number')
    }
    for (const code of [
      'export const a = (b: boolean | undefined) => !b',
      'export const a = (b: { c: 1 } | undefined) => (b ? 1 : 2)',
      'export const a = (b: string) => (b === "" ? 1 : 2)',
    ]) {
      expect(banned(DOMAIN, code), code).toEqual([])
    }
  })

  it('on all of edge/, where adapters may do more', () => {
    expect(banned(ADAPTER, 'declare const ngx: { now(): number }\nexport const a = ngx.now()')).toEqual([])
    expect(banned(ADAPTER, 'export async function a() { await 1 }').length).toBe(2)
    expect(banned(ADAPTER, 'export const a = new Error("x")').length).toBe(1)
    expect(banned('backend/src/x.ts', 'export const a = null')).toEqual([])
  })

  it('on imports', () => {
    const files = [
      file('edge/src/domain/a.ts', "import { b } from '../kernel/b'\nimport * as s from 'ngx.semaphore'"),
      file('edge/src/kernel/b.ts', "import type { p } from '../../../backend/src/p'"),
      file('edge/src/plugins/one/index.ts', "import { x } from '../two/index'"),
      file('edge/src/plugins/two/index.ts', "import { b } from '../../kernel/b'\nimport { a } from '../../domain/a'"),
      file('edge/src/adapters/c.ts', "import { d } from './d'\nimport * as s from 'ngx.semaphore'"),
      file('edge/src/adapters/d.ts', "import { c } from './c'"),
      file('edge/src/adapters/e.ts', "import type { f } from './f'"),
      file('edge/src/adapters/f.ts', "import { e } from './e'"),
      file('backend/src/p.ts', "import { a } from '../../edge/src/domain/a'"),
      file('backend/src/lonely.ts'),
      file('scripts/run.ts', "spawn('backend/src/worker.ts')"),
      file('backend/src/worker.ts'),
      file('package.json', '"go": "tsx scripts/run.ts"'),
    ]
    const imports = allImports(files)
    expect(lines(wrongDirections(imports)).map((line) => line.slice(0, 60))).toEqual([
      'edge/src/domain/a.ts:1: imports edge/src/kernel/b.ts, which ',
      'edge/src/domain/a.ts:2: imports ngx.semaphore: only adapters',
      'edge/src/kernel/b.ts:1: imports backend/src/p.ts: the gate a',
      'edge/src/plugins/one/index.ts:1: imports the plugin two: plu',
    ])
    expect(lines(importCircles(imports))).toEqual([
      'edge/src/adapters/d.ts:1: imports in a circle: edge/src/adapters/c.ts → edge/src/adapters/d.ts → edge/src/adapters/c.ts; move what both need into a third file',
    ])
    expect(deadFiles(files, imports).map((finding) => finding.path)).toEqual([
      'edge/src/plugins/one/index.ts',
      'backend/src/lonely.ts',
    ])
  })

  it('on lengths', () => {
    const statements = (count: number): string => '  go()\n'.repeat(count)
    const long_file = statements(401)
    const long_function = `function a() {\n${statements(79)}}\n`
    expect(longFiles({ path: 'a.ts', text: long_file }).length).toBe(1)
    expect(longFiles({ path: 'a.ts', text: statements(400) })).toEqual([])
    expect(longFiles({ path: 'a.ts', text: `// long because: it is a table\n${long_file}` })).toEqual([])
    expect(longFunctions({ path: 'a.ts', text: long_function }).length).toBe(1)
    expect(longFunctions({ path: 'a.ts', text: `function a() {\n${statements(78)}}\n` })).toEqual([])
    const factory = `function make() {\n${statements(60)}  function one() {\n${statements(60)}  }\n}\n`
    expect(longFunctions({ path: 'a.ts', text: factory })).toEqual([])
    expect(longFunctions({ path: 'a.ts', text: `// long because it is one list\n${long_function}` })).toEqual([])
  })

  it('on texts', () => {
    const wrong = [
      `// ${'TO' + 'DO'}: later`,
      `const a = '${'/wor' + 'k'}/x'`,
      `cd ${'/roo' + 't'}`,
      `open("${'/tm' + 'p'}/x")`,
      `describe.${'on' + 'ly'}("x", () => {})`,
    ]
    for (const text of wrong) expect(wrongTexts({ path: 'a.spec.ts', text }).length, text).toBe(1)
    for (const text of ['GET /workers', "join(dir, 'root')", 'https://x.org/work/y', 'tmp/x', 'only(it)']) {
      expect(wrongTexts({ path: 'a.spec.ts', text }), text).toEqual([])
    }
    const lock = '      "resolved": "https://registry.example/a/-/a-1.0.0.tgz",'
    expect(wrongTexts({ path: 'package-lock.json', text: lock }).length).toBe(1)
    expect(wrongTexts({ path: '.npmrc', text: 'registry=https://registry.example' }).length).toBe(1)
  })

  it('on versions and plugin folders', () => {
    const files = [
      file('package.json', '{"version":"1.2.3"}'),
      file('package-lock.json', '{"version":"1.2.3","packages":{"":{"version":"1.2.2"}}}'),
      file('docker-compose.yml', 'image: rushgate/gate:1.2.3\nimage: rushgate/backend:1.2.4\nimage: redis:7'),
      file('packaging/opm/dist.ini', 'name = x\nversion = 1.0.0\n'),
    ]
    expect(versions(files, { a: '1.2.3', b: '0.1.0' }).map((finding) => finding.path)).toEqual([
      'package-lock.json',
      'edge/src/plugins/b',
      'docker-compose.yml',
      'packaging/opm/dist.ini',
    ])
    const folder = ['index.ts', 'schema.ts', 'session.spec.ts'].map((name) =>
      file(`edge/src/plugins/session/${name}`, ''),
    )
    expect(lines(pluginFolders(folder))).toEqual([
      "edge/src/plugins/session: a plugin's folder holds code, schema, spec and man page: add README.md",
    ])
  })

  it('on manuals that name what is not there', () => {
    const files = [
      file('docs/MAP.md', '[a](../a.ts)\n[a again](../a.ts), [b](b.ts), [out](https://x.example/), [here](#here)'),
      file(
        'docs/OPERATING.md',
        '| `KNOWN` | `npm run start` |\n`npm run fly`\n`rushgate_known_total`, `rushgate_gone_total`',
      ),
      file('a.ts', ''),
      file('edge/src/adapters/environment.ts', "os.getenv('KNOWN')\nrequired('UNKNOWN')"),
      file('backend/src/metrics.ts', "counter('known_total')"),
    ]
    expect(lines(brokenLinks(files, ['start']))).toEqual([
      'docs/MAP.md:2: links to docs/b.ts, which is not there',
      'docs/OPERATING.md:2: npm run fly: package.json has no such script',
    ])
    expect(lines(mappedTwice(files))).toEqual(['docs/MAP.md:2: ../a.ts is there twice'])
    expect(lines(unknownVariables(files))).toEqual([
      'edge/src/adapters/environment.ts:2: UNKNOWN has no row in the table of docs/OPERATING.md',
    ])
    expect(lines(unknownMetrics(files))).toEqual(['docs/OPERATING.md:3: there is no metric rushgate_gone_total'])
  })

  it('on what is emitted', () => {
    expect(bundleHelpers({ path: 'x', text: 'local __TS__ArrayMap\n__TS__ArrayIsArray(1)' }).length).toBe(1)
    expect(scriptHelpers({ path: 'x', text: '__TS__Number(1)\nlocal a = require("b") -- require' }).length).toBe(2)
  })
})
