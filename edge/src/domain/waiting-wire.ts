// Items for the waiting room's scripts and what they say of them (contract/lane-scripts.ts). Texts are bytes, one a character.

const BYTE = 256
const TWO_BYTES = 65536

/** Four bytes, big-endian, of a whole number below 2^32. */
export function packNumber(value: number): string {
  const high = Math.floor(value / TWO_BYTES)
  const low = value - high * TWO_BYTES
  return String.fromCharCode(Math.floor(high / BYTE), high % BYTE, Math.floor(low / BYTE), low % BYTE)
}

/** `user_bytes`: length of the user id in bytes. */
export function packClaim(
  epoch: number,
  is_admitting: boolean,
  pass_id: string,
  number: number,
  user_bytes: number,
  user: string,
): string {
  return (
    packNumber(epoch) +
    String.fromCharCode(is_admitting ? 1 : 0) +
    pass_id +
    packNumber(number) +
    String.fromCharCode(Math.floor(user_bytes / BYTE), user_bytes % BYTE) +
    user
  )
}

/** The whole numbers of a line from `from` on, one space between them. */
export function numbersFrom(line: string, from: number): number[] {
  const numbers: number[] = []
  let at = from
  while (at < line.length) {
    const space = line.indexOf(' ', at)
    const end = space < 0 ? line.length : space
    numbers.push(Number(line.substring(at, end)))
    at = end + 1
  }
  return numbers
}

/** None is negative. */
function areNumbers(numbers: number[], count: number): boolean {
  if (numbers.length !== count) return false
  for (const number of numbers) if (!(number >= 0)) return false
  return true
}

export interface Taken {
  number: number
  /** Redis' clock */
  now_ms: number
  front: number
  credit: number
  called: number
}

/** What take-number says: a number, or a word: draw, no_numbers or rebuilding. undefined for what it never says. */
export function parseTaken(line: string): Taken | string | undefined {
  if (line === 'draw' || line === 'no_numbers' || line === 'rebuilding') return line
  if (line.substring(0, 7) !== 'number ') return undefined
  const numbers = numbersFrom(line, 7)
  if (!areNumbers(numbers, 5)) return undefined
  const [number, now_ms, front, credit, called] = numbers
  return {
    number: number as number,
    now_ms: now_ms as number,
    front: front as number,
    credit: credit as number,
    called: called as number,
  }
}

export interface Claimed {
  /** a word alone: expired, not_open, rebuilding */
  status: string
  /** admitted */
  pass_id: string
  /** when the place in checkout ends */
  expires_ms: number
  /** waiting */
  ahead: number
  now_ms: number
  front: number
  credit: number
  free: number
  called: number
  in_checkout: number
  issued: number
}

/** undefined for what the script never says. */
export function parseClaimed(line: string): Claimed | undefined {
  const space = line.indexOf(' ')
  const status = space < 0 ? line : line.substring(0, space)
  const claimed: Claimed = {
    status,
    pass_id: '',
    expires_ms: 0,
    ahead: 0,
    now_ms: 0,
    front: 0,
    credit: 0,
    free: 0,
    called: 0,
    in_checkout: 0,
    issued: 0,
  }
  if (status === 'admitted') {
    const end = line.indexOf(' ', 9)
    if (end < 0) return undefined
    claimed.pass_id = line.substring(9, end)
    const times = numbersFrom(line, end + 1)
    if (!areNumbers(times, 1)) return undefined
    claimed.expires_ms = times[0] as number
  } else if (status === 'waiting') {
    const numbers = numbersFrom(line, 8)
    if (!areNumbers(numbers, 8)) return undefined
    claimed.ahead = numbers[0] as number
    claimed.now_ms = numbers[1] as number
    claimed.front = numbers[2] as number
    claimed.credit = numbers[3] as number
    claimed.free = numbers[4] as number
    claimed.called = numbers[5] as number
    claimed.in_checkout = numbers[6] as number
    claimed.issued = numbers[7] as number
  } else if (line !== 'expired' && line !== 'not_open' && line !== 'rebuilding') {
    return undefined
  }
  return claimed
}
