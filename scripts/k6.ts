// k6 has no Debian package: it is built by Go, once, into the checkout's cache, when no k6 of the wanted version is found.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { findProgram, isExecutable } from './setup'
import { ROOT } from './stack'

const K6_VERSION = '1.8.1'

const CACHE = join(ROOT, '.cache')

/** Path of a k6 of exactly K6_VERSION; undefined when there is none. */
export function findK6(cache = CACHE): string | undefined {
  const candidates = [join(cache, 'bin/k6'), findProgram('k6'), goBinary('k6')]
  return candidates.find((file) => file !== undefined && isExecutable(file) && isWantedK6(file))
}

function isWantedK6(file: string): boolean {
  const answer = spawnSync(file, ['version'], { encoding: 'utf8' })
  // built by `go install`, k6 may call itself (devel); Go's own record of the module is in the binary
  if (answer.status !== 0) return false
  if (answer.stdout.includes(K6_VERSION)) return true
  const built = spawnSync('go', ['version', '-m', file], { encoding: 'utf8' })
  return built.status === 0 && built.stdout.includes(`v${K6_VERSION}`)
}

function goBinary(name: string): string | undefined {
  const answer = spawnSync('go', ['env', 'GOPATH'], { encoding: 'utf8' })
  return answer.status === 0 ? join(answer.stdout.trim(), 'bin', name) : undefined
}

/** Builds k6 into `cache`/bin (2.5 minutes, once); the reason in words where it cannot be. */
export function buildK6(cache = CACHE): Promise<string | undefined> {
  if (findProgram('go') === undefined) return Promise.resolve('k6 is not installed and there is no Go to build it with')
  return new Promise((resolve) => {
    const child = spawn('go', ['install', `go.k6.io/k6@v${K6_VERSION}`], {
      env: { ...process.env, GOBIN: join(cache, 'bin'), CGO_ENABLED: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let words = ''
    child.stderr.on('data', (data: Buffer) => {
      words = (words + data.toString()).slice(-1000)
    })
    child.once('error', (error) => resolve(`k6 could not be built: ${error.message}`))
    child.once('close', (code) => resolve(code === 0 ? undefined : `k6 could not be built by go install: ${words}`))
  })
}
