// Installing says what it does, starts no service, and leaves policy-rc.d exactly as it was, whatever happens.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findProgram, installPackages, missingPackages, RUN_PACKAGES, TEST_PACKAGES, whyNotInstallable } from './setup'

let dir: string
let policy_file: string
let apt: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rushgate-setup-'))
  policy_file = join(dir, 'policy-rc.d')
  apt = join(dir, 'apt-get')
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** An apt-get that writes down how it was called and what the policy said then. */
function fakeApt(exit_code = 0): void {
  writeFileSync(
    apt,
    `#!/bin/sh
sh '${policy_file}' nginx start; echo "$1 policy=$? $DEBIAN_FRONTEND $*" >> '${dir}/calls'
echo 'Setting up nginx …'
if [ "$1" = install ]; then echo 'disk full' >&2; exit ${exit_code}; fi
`,
    { mode: 0o755 },
  )
}

function calls(): string[] {
  return readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n')
}

describe('installPackages', () => {
  test('asks apt without questions, while every service start is denied', async () => {
    fakeApt()
    const said: string[] = []
    await installPackages(['nginx', 'redis-server'], { apt, policy_file, onOutput: (line) => said.push(line) })
    expect(calls()).toEqual([
      'update policy=101 noninteractive update -q',
      'install policy=101 noninteractive install -q -y --no-install-recommends nginx redis-server',
    ])
    expect(said).toContain('Setting up nginx …')
    expect(existsSync(policy_file)).toBe(false)
  })

  test.each([0, 100])('an existing policy is put back with mode and time (apt ends with %i)', async (exit_code) => {
    fakeApt(exit_code)
    writeFileSync(policy_file, '#!/bin/sh\nexit 0\n')
    chmodSync(policy_file, 0o751)
    utimesSync(policy_file, 1000, 2000)
    const before = lstatSync(policy_file)
    const installed = installPackages(['nginx'], { apt, policy_file })
    if (exit_code === 0) await installed
    else await expect(installed).rejects.toThrow(/install .*failed with exit code 100:[\s\S]*disk full/)
    const after = lstatSync(policy_file)
    expect(readFileSync(policy_file, 'utf8')).toBe('#!/bin/sh\nexit 0\n')
    expect([after.mode, after.mtimeMs, after.ino]).toEqual([before.mode, before.mtimeMs, before.ino])
    expect(calls()[1]).toContain('policy=101')
  })

  test('a policy that is a link stays a link', async () => {
    fakeApt()
    writeFileSync(join(dir, 'target'), '#!/bin/sh\nexit 0\n')
    symlinkSync(join(dir, 'target'), policy_file)
    await installPackages(['nginx'], { apt, policy_file })
    expect(lstatSync(policy_file).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(dir, 'target'), 'utf8')).toBe('#!/bin/sh\nexit 0\n')
  })

  test('what an earlier run left when it was killed is mended', async () => {
    fakeApt()
    writeFileSync(`${policy_file}.before-rushgate`, '#!/bin/sh\nexit 104\n')
    writeFileSync(policy_file, '#!/bin/sh\nexit 101\n')
    await installPackages(['nginx'], { apt, policy_file })
    expect(readFileSync(policy_file, 'utf8')).toBe('#!/bin/sh\nexit 104\n')
    expect(existsSync(`${policy_file}.before-rushgate`)).toBe(false)
  })
})

describe('whyNotInstallable', () => {
  const missing = RUN_PACKAGES.filter((wanted) => wanted.name.startsWith('nginx') || wanted.name === 'redis-server')

  test('root with apt: nothing stands in the way', () => {
    expect(whyNotInstallable(missing, { apt: true, root: true })).toBeUndefined()
  })

  test('no root: the exact line for sudo', () => {
    const words = whyNotInstallable(missing, { apt: true, root: false })
    expect(words).toContain('sudo apt-get install -y --no-install-recommends nginx redis-server')
    expect(words).toContain('the gate runs in it')
  })

  test('no apt: what is needed and what for', () => {
    const words = whyNotInstallable(missing, { apt: false, root: true })
    expect(words).toContain('no apt-get')
    expect(words).toMatch(/redis-server +holds the stock/)
  })
})

test('every package has a reason, and none is listed twice', () => {
  const all = [...RUN_PACKAGES, ...TEST_PACKAGES]
  for (const wanted of all) expect(wanted.reason.length).toBeGreaterThan(10)
  expect(new Set(all.map((wanted) => wanted.name)).size).toBe(all.length)
})

test('missingPackages asks each package', () => {
  const present = { name: 'a', reason: '', isPresent: () => true }
  const absent = { name: 'b', reason: '', isPresent: () => false }
  expect(missingPackages([present, absent])).toEqual([absent])
})

test('findProgram: only what may be executed', () => {
  writeFileSync(join(dir, 'tool'), '')
  expect(findProgram('tool', dir)).toBeUndefined()
  chmodSync(join(dir, 'tool'), 0o755)
  expect(findProgram('tool', dir)).toBe(join(dir, 'tool'))
})
