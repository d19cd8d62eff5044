// npm run test:lua: the specs of contract/ and edge/ compiled to Lua and run by busted under LuaJIT, the same files that
// vitest runs in Node. x.spec.ts becomes dist/spec/…/x_spec.lua; *.node.spec.ts needs Node and stays there.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import * as tstl from 'typescript-to-lua'
import { readableLua } from './lua-printer'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'dist/spec')

function compile(): void {
  rmSync(out, { recursive: true, force: true })
  const parsed = tstl.parseConfigFileWithSystem(join(root, 'tsconfig.spec.json'))
  const options = { ...parsed.options, luaPlugins: [{ plugin: readableLua }] }
  const result = tstl.transpileFiles(parsed.fileNames, options, (name, text) => {
    mkdirSync(dirname(name), { recursive: true })
    writeFileSync(name, text)
  })
  const errors = [...parsed.errors, ...result.diagnostics].filter((one) => one.category === ts.DiagnosticCategory.Error)
  if (errors.length === 0) return
  const host = { getCanonicalFileName: (name: string) => name, getCurrentDirectory: () => root, getNewLine: () => '\n' }
  throw new Error(`specs do not compile to Lua:\n${ts.formatDiagnostics(errors, host)}`)
}

/** No spec at all is a failure too. */
function run(): boolean {
  const run = spawnSync(
    'busted',
    ['--lua=luajit', '--shuffle', '--lpath', join(out, '?.lua'), '--output', 'TAP', out],
    { cwd: root, encoding: 'utf8' },
  )
  if (run.error) throw new Error(`busted does not start (Debian packages luajit2 and lua-busted): ${run.error.message}`)
  const lines = run.stdout.split('\n')
  const passed = lines.filter((line) => line.startsWith('ok ') && !line.includes('# SKIP')).length
  const skipped = lines.filter((line) => line.startsWith('ok ') && line.includes('# SKIP')).length
  const failed = lines.filter((line) => line.startsWith('not ok ')).length
  if (failed > 0 || run.status !== 0)
    console.log(lines.filter((line) => !line.startsWith('ok ')).join('\n'), run.stderr)
  console.log(`busted under LuaJIT: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  return run.status === 0 && failed === 0 && passed > 0
}

compile()
process.exitCode = run() ? 0 : 1
