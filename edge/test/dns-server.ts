// A DNS server for tests: answers PTR, A and AAAA over UDP from a table. Names are small letters; what is not in the table does not exist.
import { createSocket, type Socket } from 'node:dgram'
import type { AddressInfo } from 'node:net'

const TYPES: Record<number, string> = { 1: 'A', 12: 'PTR', 28: 'AAAA' }
const NAME_POINTER = 0xc00c
const TTL_S = 60

export interface DnsServer {
  /** for RUSHGATE_DNS */
  address: string
  /** "PTR 1.66.0.127.in-addr.arpa" to its values; 'silence' for no answer, 'failure' for SERVFAIL */
  table: Map<string, string[] | 'silence' | 'failure'>
  /** what was asked, as the keys of the table are */
  asked: string[]
  close: () => void
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.of(0)])
}

function dataOf(type: string, value: string): Buffer {
  if (type === 'PTR') return nameBytes(value)
  if (type === 'A') return Buffer.from(value.split('.').map(Number))
  const groups = new URL(`http://[${value}]`).hostname.slice(1, -1).split('::')
  const side = (text = '') => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const [left, right] = [side(groups[0]), side(groups[1])]
  const all = [...left, ...Array(8 - left.length - right.length).fill(0), ...right] as number[]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]))
}

/** The one question of a query: its name, its type and where it ends. */
function questionOf(query: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = []
  let at = 12
  while (query[at] !== 0) {
    const length = query[at] as number
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase())
    at += 1 + length
  }
  return { name: labels.join('.'), type: TYPES[query.readUInt16BE(at + 1)] ?? 'other', end: at + 5 }
}

function answerTo(query: Buffer, end: number, type: string, known: string[] | 'failure' | undefined): Buffer {
  const values = known === undefined || known === 'failure' ? [] : known
  const head = Buffer.from(query.subarray(0, 12))
  const code = known === undefined ? 3 : known === 'failure' ? 2 : 0
  // an answer, recursion asked for and there, and what came of it
  head.writeUInt16BE(0x8180 + code, 2)
  head.writeUInt16BE(values.length, 6)
  head.writeUInt32BE(0, 8)
  const records = values.map((value) => {
    const data = dataOf(type, value)
    const record = Buffer.alloc(12)
    record.writeUInt16BE(NAME_POINTER, 0)
    record.writeUInt16BE(Number(Object.keys(TYPES).find((each) => TYPES[Number(each)] === type)), 2)
    record.writeUInt16BE(1, 4)
    record.writeUInt32BE(TTL_S, 6)
    record.writeUInt16BE(data.length, 10)
    return Buffer.concat([record, data])
  })
  return Buffer.concat([head, query.subarray(12, end), ...records])
}

export async function startDnsServer(): Promise<DnsServer> {
  const socket: Socket = createSocket('udp4')
  const table: DnsServer['table'] = new Map()
  const asked: string[] = []
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query)
    const key = `${type} ${name}`
    asked.push(key)
    const known = table.get(key)
    if (known !== 'silence') socket.send(answerTo(query, end, type, known), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address() as AddressInfo
  return { address: `127.0.0.1:${port}`, table, asked, close: () => socket.close() }
}
