// The draw: who comes first among those who were there before the opening, so that anybody can check it afterwards.
//
// Promises: the order follows from three things, none of which anybody could choose knowing the others: a secret committed to before
// the entries open, the closed list of entrants, and (where set) a beacon that becomes public after the list is closed.
// One entrant a user: asking a hundred times enters once. Every order is as likely as every other, because
// entrants are sorted by hashes that nobody could foresee.
//
//   commitment  SHA-256 of "rushgate-draw-1" LF sale LF secret, and where a beacon is announced LF its source; published with the sale
//   root        Merkle root of the sorted entrants as in RFC 6962: leaf = SHA-256(00 entrant), node = SHA-256(01 left right)
//   seed        SHA-256 of "rushgate-draw-1" LF sale LF secret LF root LF beacon
//   order       entrants by SHA-256(seed LF entrant), lowest first
//
// Known weakness: without a beacon, whoever holds the secret could try entrants of their own until they like the order.
// Where shoppers have reason to doubt the shop, announce one. That its value is what the source says, and that it was not
// public before the root was, no program can check: people compare them. A draw whose announced beacon never came is not honest here.
//
// All hashes and the secret are lower-case hex, all texts UTF-8. Entrants are keyed hashes of users: the list names nobody,
// and each shopper finds the own one on the ticket.
import { createHash } from 'node:crypto'

export const DRAW_FORMAT = 'rushgate-draw-1'

export interface DrawTranscript {
  format: typeof DRAW_FORMAT
  sale: string
  closed_at: string
  commitment: string
  secret: string
  /** '' where the sale has none */
  beacon: string
  /** where the beacon was announced to come from; absent or '': none was */
  beacon_source?: string
  /** sorted, each once: 22 base64url characters */
  entrants: string[]
  root: string
  seed: string
  order: string[]
}

function sha256(...parts: (string | Buffer)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

export function drawCommitment(sale: string, secret: string, beacon_source = ''): string {
  const announced = beacon_source === '' ? [] : [beacon_source]
  return sha256([DRAW_FORMAT, sale, secret, ...announced].join('\n')).toString('hex')
}

/** Level by level; a node without a sibling goes up as it is, which gives RFC 6962's tree. */
export function merkleRoot(entrants: readonly string[]): string {
  if (entrants.length === 0) return sha256().toString('hex')
  let level = entrants.map((entrant) => sha256(Buffer.of(0), entrant))
  while (level.length > 1) {
    const above: Buffer[] = []
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] as Buffer
      const right = level[i + 1]
      above.push(right ? sha256(Buffer.of(1), left, right) : left)
    }
    level = above
  }
  return (level[0] as Buffer).toString('hex')
}

function drawSeed(sale: string, secret: string, root: string, beacon: string): string {
  return sha256([DRAW_FORMAT, sale, secret, root, beacon].join('\n')).toString('hex')
}

function drawOrder(seed: string, entrants: readonly string[]): string[] {
  return entrants
    .map((entrant) => ({ entrant, key: sha256(`${seed}\n${entrant}`) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map((one) => one.entrant)
}

/** By code units, which are bytes here: the same everywhere, unlike a collation. */
function byText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** `entries` in any order, with as many repeats as there were requests. */
export function makeDraw(
  sale: string,
  secret: string,
  beacon: string,
  entries: Iterable<string>,
  closed_ms: number,
  beacon_source = '',
): DrawTranscript {
  const entrants = [...new Set(entries)].sort(byText)
  const root = merkleRoot(entrants)
  const seed = drawSeed(sale, secret, root, beacon)
  return {
    format: DRAW_FORMAT,
    sale,
    closed_at: new Date(closed_ms).toISOString(),
    commitment: drawCommitment(sale, secret, beacon_source),
    secret,
    beacon,
    ...(beacon_source === '' ? {} : { beacon_source }),
    entrants,
    root,
    seed,
    order: drawOrder(seed, entrants),
  }
}

const HASH = /^[0-9a-f]{64}$/
const ENTRANT = /^[A-Za-z0-9_-]{22}$/

function shapeProblems(draw: Partial<Record<keyof DrawTranscript, unknown>>): string[] {
  const problems: string[] = []
  if (draw.format !== DRAW_FORMAT) problems.push(`format: must be "${DRAW_FORMAT}"`)
  for (const field of ['commitment', 'secret', 'root', 'seed'] as const) {
    const value = draw[field]
    if (typeof value !== 'string' || !HASH.test(value)) problems.push(`${field}: must be 64 digits of lower-case hex`)
  }
  for (const field of ['sale', 'beacon', 'closed_at'] as const) {
    if (typeof draw[field] !== 'string') problems.push(`${field}: must be a text`)
  }
  if (draw.beacon_source !== undefined && typeof draw.beacon_source !== 'string') {
    problems.push('beacon_source: must be a text')
  }
  if (typeof draw.sale === 'string' && !/^[a-z0-9_-]{1,64}$/.test(draw.sale))
    problems.push('sale: must be the id of a sale')
  for (const field of ['entrants', 'order'] as const) {
    const list = draw[field]
    if (!Array.isArray(list) || !list.every((one) => typeof one === 'string' && ENTRANT.test(one))) {
      problems.push(`${field}: must be a list of entrants, each 22 base64url characters`)
    }
  }
  return problems
}

/** Every reason why this is not an honest transcript; none when it is. `published`: the commitment as it was beforehand. */
export function drawProblems(value: unknown, published?: string): string[] {
  if (typeof value !== 'object' || value === null) return ['must be a JSON object']
  const shape = shapeProblems(value)
  if (shape.length > 0) return shape
  const draw = value as DrawTranscript
  const problems: string[] = []
  if (published !== undefined && draw.commitment !== published) {
    problems.push(`commitment: ${published} was published beforehand`)
  }
  const { beacon_source = '' } = draw
  if (draw.commitment !== drawCommitment(draw.sale, draw.secret, beacon_source)) {
    problems.push(`commitment: is not that of the secret${beacon_source === '' ? '' : ' and the source of the beacon'}`)
  }
  if (beacon_source !== '' && draw.beacon === '') {
    problems.push(`beacon: none came from "${beacon_source}", so whoever holds the secret could foresee the order`)
  }
  if (draw.entrants.some((entrant, i) => i > 0 && (draw.entrants[i - 1] as string) >= entrant)) {
    problems.push('entrants: must be sorted, each once')
  }
  const root = merkleRoot(draw.entrants)
  if (draw.root !== root) problems.push(`root: the entrants give ${root}`)
  const seed = drawSeed(draw.sale, draw.secret, draw.root, draw.beacon)
  if (draw.seed !== seed) problems.push(`seed: secret, root and beacon give ${seed}`)
  const order = drawOrder(draw.seed, draw.entrants)
  const place = order.findIndex((entrant, i) => draw.order[i] !== entrant)
  if (place >= 0) problems.push(`order: place ${place + 1} belongs to ${order[place]}`)
  else if (draw.order.length > order.length) problems.push('order: has more than the entrants')
  return problems
}
