// What a figure was measured on: part of every result line, because a figure without it says nothing.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpus, release } from 'node:os'
import { findNginx } from '../scripts/nginx'
import { goVersion } from './go-programs'

export function machine(): Record<string, string | number> {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    linux: release(),
    nginx:
      /nginx\/(\S+)|openresty\/(\S+)/.exec(spawnSync(findNginx().command, ['-v'], { encoding: 'utf8' }).stderr)?.[0] ??
      '',
    redis: /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? '',
    node: process.version,
    go: goVersion(),
  }
}
