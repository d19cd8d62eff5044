// Request bodies: bounded, of the type they claim, valid UTF-8, and for JSON exactly what the schema says.
//
// Anything else is a 400, 413 or 415 whose detail names the field or the limit.
import type { Request } from 'express'
import type { z } from 'zod'
import { Refusal } from './refusal'

export const BODY_BYTES_MAX = 256 * 1024
const GOT_LENGTH_MAX = 60

export async function readBody(request: Request, bytes_max = BODY_BYTES_MAX): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Refusal('unsupported_media_type', `content-encoding "${encoding}" is not read; send the body as it is`)
  }
  const tooLarge = () => new Refusal('too_large', `the body may have ${bytes_max} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > bytes_max) throw tooLarge()
  const chunks: Buffer[] = []
  let length = 0
  // not destroyed when we stop early: the shopper must still get the answer
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bytes_max) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch {
    throw new Refusal('bad_request', 'the body is not valid UTF-8')
  }
}

/** The media type in small letters, without parameters; refuses a charset that is not UTF-8. */
export function mediaType(request: Request): string {
  const [type, ...parameters] = (request.headers['content-type'] ?? '').split(';')
  for (const parameter of parameters) {
    const [name, value] = parameter.split('=')
    if (name?.trim().toLowerCase() !== 'charset') continue
    const charset = value?.trim().replace(/^"|"$/g, '').toLowerCase()
    if (charset !== 'utf-8' && charset !== 'utf8') {
      throw new Refusal('unsupported_media_type', `charset "${charset ?? ''}" is not read; the body must be UTF-8`)
    }
  }
  return (type ?? '').trim().toLowerCase()
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal('bad_request', 'the body is not valid JSON')
  }
}

export async function readJson<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  bytes_max = BODY_BYTES_MAX,
): Promise<z.output<Schema>> {
  const type = mediaType(request)
  if (type !== 'application/json') {
    throw new Refusal('unsupported_media_type', `the body must be application/json, got "${type}"`)
  }
  return check(schema, parseJson(decodeUtf8(await readBody(request, bytes_max))), 'body')
}

/** Parses `value`, or refuses it with every broken rule as "field: rule, got value". */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.slice(0, 5).map((issue) => {
    const path = issue.path.length === 0 ? what : issue.path.map(String).join('.')
    if (issue.code === 'unrecognized_keys') {
      const names = issue.keys.slice(0, 5).map((key) => (issue.path.length === 0 ? key : `${path}.${key}`))
      return `${names.join(', ').substring(0, 200)}: not a field that is known here`
    }
    return `${path}: ${issue.message}, got ${shown(valueAt(value, issue.path))}`
  })
  throw new Refusal('bad_request', problems.join('; '))
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const key of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<PropertyKey, unknown>)[key]
  }
  return at
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value !== null && typeof value === 'object') return Array.isArray(value) ? 'a list' : 'an object'
  const text = JSON.stringify(value)
  return text.length > GOT_LENGTH_MAX ? `${text.substring(0, GOT_LENGTH_MAX)}…` : text
}
