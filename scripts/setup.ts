// The Debian packages Rushgate runs on: which are missing, why each is needed, and how they get installed.
//
// Guarantee: installing starts no service. Debian's default nginx site would listen on 0.0.0.0:80, so that while apt
// runs, policy-rc.d denies every start; afterwards the file is exactly what it was, also after a failure.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { findNginx, findNjs } from './nginx'
import { postgresBinFolder } from './postgres'

interface DebianPackage {
  name: string
  reason: string
  isPresent: () => boolean
}

export const RUN_PACKAGES: DebianPackage[] = [
  { name: 'nginx', reason: 'the gate runs in it', isPresent: hasNginx },
  { name: 'libnginx-mod-http-lua', reason: "nginx's Lua module: runs the gate's program", isPresent: hasNginx },
  { name: 'lua-resty-core', reason: 'fast access to nginx from Lua (LuaJIT FFI)', isPresent: hasNginx },
  { name: 'lua-resty-lrucache', reason: 'lua-resty-core needs it', isPresent: hasNginx },
  { name: 'lua-cjson', reason: 'JSON at the gate', isPresent: hasNginx },
  { name: 'redis-server', reason: 'holds the stock that is for sale, and the queue', isPresent: has('redis-server') },
]

/** For `npm start -- --full`. */
export const FULL_PACKAGES: DebianPackage[] = [
  { name: 'librdkafka1', reason: 'events of items to Kafka, from the gate', isPresent: hasLibrdkafka },
]

export const TEST_PACKAGES: DebianPackage[] = [
  ...FULL_PACKAGES,
  { name: 'libnginx-mod-http-js', reason: 'njs: the outer tier in plain nginx', isPresent: hasNjs },
  { name: 'luajit2', reason: 'the language of the gate, for its specs', isPresent: has('luajit') },
  { name: 'lua-busted', reason: 'runs the specs under LuaJIT', isPresent: has('busted') },
  { name: 'postgresql-15', reason: 'the ledger on PostgreSQL', isPresent: () => postgresBinFolder() !== undefined },
  { name: 'chromium', reason: 'the pages in a real browser', isPresent: has('chromium') },
  { name: 'kcat', reason: 'reads Kafka topics', isPresent: has('kcat') },
]

export function missingPackages(packages: DebianPackage[]): DebianPackage[] {
  return packages.filter((wanted) => !wanted.isPresent())
}

/** The first file of this name in PATH that may be executed; undefined when there is none. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | undefined {
  // Debian keeps servers in sbin, which is not in every user's PATH
  const folders = [...path.split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function has(program: string): () => boolean {
  return () => findProgram(program) !== undefined
}

export function hasNginx(): boolean {
  try {
    findNginx()
    return true
  } catch {
    return false
  }
}

/** Where Debian has it, or wherever the dynamic linker knows it. */
export function hasLibrdkafka(): boolean {
  const file = 'librdkafka.so.1'
  const folders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib', '/usr/local/lib']
  if (folders.some((folder) => existsSync(join(folder, file)))) return true
  const ldconfig = findProgram('ldconfig')
  return ldconfig !== undefined && spawnSync(ldconfig, ['-p'], { encoding: 'utf8' }).stdout.includes(file)
}

export function hasNjs(): boolean {
  try {
    return findNjs() !== ''
  } catch {
    return false
  }
}

/** The sentence for a machine on which nothing can be installed by us; undefined when it can be. */
export function whyNotInstallable(
  packages: DebianPackage[],
  machine = { apt: findProgram('apt-get') !== undefined, root: process.getuid?.() === 0 },
): string | undefined {
  const names = packages.map((wanted) => wanted.name).join(' ')
  const list = packages.map((wanted) => `  ${wanted.name.padEnd(24)}${wanted.reason}`).join('\n')
  if (!machine.apt)
    return `There is no apt-get on this machine. Please install what these Debian packages contain, by your system's own means, then run this again:\n${list}`
  if (!machine.root)
    return `Some packages are missing and only root may install them:\n${list}\nPlease run this, then try again:\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names}\n(Debian starts nginx and Redis as services after that; Rushgate does not use those: sudo systemctl disable --now nginx redis-server)`
  return undefined
}

interface InstallOptions {
  onOutput?: (line: string) => void
  apt?: string
  policy_file?: string
}

export async function installPackages(names: string[], options: InstallOptions = {}): Promise<void> {
  const apt = options.apt ?? 'apt-get'
  const restore = denyServiceStarts(options.policy_file ?? '/usr/sbin/policy-rc.d')
  try {
    await runApt(apt, ['update', '-q'], options.onOutput)
    await runApt(apt, ['install', '-q', '-y', '--no-install-recommends', ...names], options.onOutput)
  } finally {
    restore()
  }
}

const DENY = '#!/bin/sh\n# Written by Rushgate while it installs packages: no service is started.\nexit 101\n'

/** Returns the function that puts the file back exactly as it was: content, mode, owner and all, by renaming. */
function denyServiceStarts(policy_file: string): () => void {
  const kept = `${policy_file}.before-rushgate`
  // an earlier run was killed in the middle: what it kept is the truth
  if (existsSync(kept)) renameSync(kept, policy_file)
  else if (isOurs(policy_file)) rmSync(policy_file)
  const was_there = lstatSync(policy_file, { throwIfNoEntry: false }) !== undefined
  if (was_there) renameSync(policy_file, kept)
  const restore = () => {
    process.off('exit', restore)
    if (was_there) {
      if (existsSync(kept)) renameSync(kept, policy_file)
    } else rmSync(policy_file, { force: true })
  }
  process.on('exit', restore)
  writeFileSync(policy_file, DENY, { mode: 0o755 })
  return restore
}

function isOurs(policy_file: string): boolean {
  return existsSync(policy_file) && readFileSync(policy_file, 'utf8') === DENY
}

function runApt(apt: string, args: string[], onOutput?: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(apt, args, {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const take = (data: Buffer) => {
      const text = data.toString()
      output = (output + text).slice(-4000)
      const line = text.trimEnd().split('\n').at(-1)
      if (line) onOutput?.(line)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${apt} ${args.join(' ')} failed with exit code ${code}:\n${output.trimEnd()}`))
    })
  })
}
