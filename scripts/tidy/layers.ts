// Who may import whom: contract ← domain ← kernel ← plugins ← adapters ← main, one way only, and no circles.
import { dirname, posix } from 'node:path'
import ts from 'typescript'
import { type Finding, isSpec, isTypeScript, type SourceFile } from './files'

const LAYERS: [name: string, pattern: RegExp][] = [
  ['contract', /^contract\//],
  ['domain', /^edge\/src\/domain\//],
  ['kernel', /^edge\/src\/kernel\//],
  ['plugins', /^edge\/src\/plugins\//],
  ['adapters', /^edge\/src\/adapters\//],
  ['main', /^edge\/src\/main\.ts$/],
]
const ORDER = LAYERS.map(([name]) => name).join(' ← ')

export interface Import {
  from: string
  /** path of ours, or a module's name */
  to: string
  line: number
  type_only: boolean
}

function layerOf(path: string): number {
  return LAYERS.findIndex(([, pattern]) => pattern.test(path))
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  const clause = node.importClause
  if (!clause) return false
  if (clause.isTypeOnly) return true
  const bindings = clause.namedBindings
  if (clause.name || !bindings || !ts.isNamedImports(bindings)) return false
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly)
}

/** Every import and re-export of a file, dynamic ones included; ours are resolved to paths. */
function importsOf(file: SourceFile, known: ReadonlySet<string>): Import[] {
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ESNext, true)
  const imports: Import[] = []
  const add = (specifier: ts.Expression, type_only: boolean): void => {
    if (!ts.isStringLiteralLike(specifier)) return
    const line = source.getLineAndCharacterOfPosition(specifier.getStart()).line + 1
    imports.push({ from: file.path, to: resolve(file.path, specifier.text, known), line, type_only })
  }
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      add(node.moduleSpecifier, isTypeOnly(node))
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier) add(specifier, false)
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal as ts.Expression, true)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return imports
}

function resolve(from: string, specifier: string, known: ReadonlySet<string>): string {
  if (!specifier.startsWith('.')) return specifier
  const base = posix.join(dirname(from), specifier)
  const candidates = [base, `${base}.ts`, `${base}.mjs`, `${base}/index.ts`, base.replace(/\.js$/, '.ts')]
  return candidates.find((candidate) => known.has(candidate)) ?? base
}

export function allImports(files: SourceFile[]): Import[] {
  const known = new Set(files.map((file) => file.path))
  return files.filter((file) => isTypeScript(file.path)).flatMap((file) => importsOf(file, known))
}

export function wrongDirections(imports: Import[]): Finding[] {
  const findings: Finding[] = []
  for (const { from, to, line } of imports) {
    if (isSpec(from)) continue
    const mine = layerOf(from)
    const theirs = layerOf(to)
    const say = (message: string): void => void findings.push({ path: from, line, message })
    if (mine >= 0 && theirs > mine) {
      say(`imports ${to}, which is further out (${ORDER}): hand it in as a port, or move what is needed inwards`)
    }
    if ((mine >= 0 || from.startsWith('edge/src/')) && /^(backend|web|scripts|bench|faults|loadtest)\//.test(to)) {
      say(`imports ${to}: the gate and the contract know nothing of it; put what both need into contract/`)
    }
    const plugin = /^edge\/src\/plugins\/([^/]+)\//.exec(from)?.[1]
    const other = /^edge\/src\/plugins\/([^/]+)\//.exec(to)?.[1]
    if (plugin && other && plugin !== other) {
      say(`imports the plugin ${other}: plugins speak through the request and through ports`)
    }
    if (mine >= 0 && mine < 4 && /^(ngx|nginx|resty|cjson|ffi|bit|table)(\.|$)/.test(to)) {
      say(`imports ${to}: only adapters/ and main.ts know that nginx exists; ask for a port`)
    }
  }
  return findings
}

/** In Lua a module that is still being loaded gives its importer an empty table. */
export function importCircles(imports: Import[]): Finding[] {
  const next = new Map<string, Import[]>()
  for (const one of imports) {
    if (one.type_only || !/^(contract|edge\/src)\//.test(one.from)) continue
    next.set(one.from, [...(next.get(one.from) ?? []), one])
  }
  const findings: Finding[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: string[]): void => {
    if (done.has(path)) return
    for (const { to, line } of next.get(path) ?? []) {
      const at = trail.indexOf(to)
      if (at >= 0) {
        const circle = [...trail.slice(at), to].join(' → ')
        findings.push({ path, line, message: `imports in a circle: ${circle}; move what both need into a third file` })
      } else walk(to, [...trail, to])
    }
    done.add(path)
  }
  for (const path of next.keys()) walk(path, [path])
  return findings
}

const RUN_BY_NAME = /^(edge\/src\/main\.ts|edge\/src\/redis\/[^/]+\.ts|[^/]+\.config\.ts)$/

/** A file is alive when something imports it, a command, test or other file names it, or it is run by its place. */
export function deadFiles(files: SourceFile[], imports: Import[]): Finding[] {
  const imported = new Set(imports.filter((one) => one.from !== one.to).map((one) => one.to))
  const findings: Finding[] = []
  for (const { path } of files) {
    if (!isTypeScript(path) || isSpec(path) || RUN_BY_NAME.test(path) || imported.has(path)) continue
    const name = posix.basename(path).replace(/\.[a-z]+$/, '')
    const folder = posix.basename(posix.dirname(path))
    const mention = new RegExp(`(${literal(folder)}/|['"\`./ ])${literal(name)}(\\.(ts|mjs|js))?['"\`\\s]`)
    const named = files.some((file) => file.path !== path && !file.path.endsWith('.md') && mention.test(file.text))
    if (!named) findings.push({ path, line: 0, message: 'nothing imports or runs it: delete it' })
  }
  return findings
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
