// First step of `npm start` and `npm test`, in plain JavaScript, because nothing but Node may be there yet: checks
// Node's version, installs the npm packages that the lock file names, then hands over to a TypeScript file.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MIN = [20, 15]
const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** @param {string} script file name in scripts/, e.g. 'start.ts' */
export async function bootstrap(script) {
  requireNode()
  process.chdir(root)
  if (!packagesAreInstalled()) installPackages()
  const { register } = await import('tsx/esm/api')
  register()
  await import(new URL(script, import.meta.url).href)
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return
  fail(`Rushgate needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).`)
}

// By content, not by time: git and npm both touch the files' times for reasons of their own.
function packagesAreInstalled() {
  const installed_file = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(installed_file)) return false
  const wanted = readPackages(join(root, 'package-lock.json'))
  const installed = readPackages(installed_file)
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.link === true) return true
    // packages for other systems are named in the lock file and not installed here
    const found = installed[path]
    return found === undefined ? entry.optional === true : found.version === entry.version
  })
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
}

function installPackages() {
  console.log('Installing the npm packages of package-lock.json (npm ci) …')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' })
  if (npm.error !== undefined) fail(`npm could not be run: ${npm.error.message}. It comes with Node.`)
  if (npm.status !== 0) fail(`npm ci failed with exit code ${npm.status}: see above.`)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
