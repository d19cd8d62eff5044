// The files that tidy looks at: what git tracks or would track, text only.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  /** from the root, with slashes */
  path: string
  text: string
}

/** What is wrong, and what to do instead. */
export interface Finding {
  path: string
  /** from 1; 0: the file as a whole */
  line: number
  message: string
}

export function formatFinding(finding: Finding): string {
  return `${finding.path}${finding.line > 0 ? `:${finding.line}` : ''}: ${finding.message}`
}

const TEXT =
  /(^|\/)([^./]+|\.[a-z]+|.*\.(ts|mts|js|mjs|cjs|lua|sql|json|md|css|html|svg|yml|yaml|conf|template|sh|go|mod|toml|ini))$/
const NOT_OURS = /^(LICENSE|NOTICE)|(^|\/)go\.sum$/

export function ourFiles(): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const files: SourceFile[] = []
  for (const path of listed.split('\0')) {
    if (path === '' || NOT_OURS.test(path) || !TEXT.test(path) || !existsSync(root + path)) continue
    files.push({ path, text: readFileSync(root + path, 'utf8') })
  }
  return files
}

export function isTypeScript(path: string): boolean {
  return /\.(ts|mts|mjs)$/.test(path) && !path.endsWith('.d.ts')
}

export function isSpec(path: string): boolean {
  return path.endsWith('.spec.ts')
}
