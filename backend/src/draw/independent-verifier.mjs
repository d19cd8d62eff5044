// A second verifier that shares no code with the first, written from the words at the head of draw.ts alone: prints ok or the first difference.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const d = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const sha = (bytes) => createHash('sha256').update(bytes).digest()
const hex = (bytes) => sha(bytes).toString('hex')

// RFC 6962, 2.1: split at the largest power of two below the length
function tree(list) {
  if (list.length === 0) return sha('')
  if (list.length === 1) return sha(Buffer.concat([Buffer.from([0]), Buffer.from(list[0])]))
  let k = 1
  while (k * 2 < list.length) k *= 2
  return sha(Buffer.concat([Buffer.from([1]), tree(list.slice(0, k)), tree(list.slice(k))]))
}

const prefix = `rushgate-draw-1\n${d.sale}\n${d.secret}`
const keys = new Map(d.entrants.map((one) => [one, hex(`${d.seed}\n${one}`)]))
const checks = {
  commitment: hex(d.beacon_source ? `${prefix}\n${d.beacon_source}` : prefix) === d.commitment,
  beacon: d.beacon !== '' || !d.beacon_source,
  entrants: keys.size === d.entrants.length && d.entrants.join() === [...keys.keys()].sort().join(),
  root: tree(d.entrants).toString('hex') === d.root,
  seed: hex(`${prefix}\n${d.root}\n${d.beacon}`) === d.seed,
  order: d.order.length === keys.size && d.order.every((one, i) => i === 0 || keys.get(d.order[i - 1]) < keys.get(one)),
}
const wrong = Object.keys(checks).find((name) => !checks[name])
console.log(wrong ?? 'ok')
process.exitCode = wrong ? 1 : 0
