// What a request's headers look like without their values: which of those that are known here were sent, written how, in which order.
//
// Clients are told apart by what their programmers never thought about. A person can send anything, but few take the trouble.

/** In lower case. Of others neither presence nor place is looked at: a shopper may have extensions, and a page may add some. */
export const KNOWN_HEADERS = [
  'host',
  'connection',
  'user-agent',
  'accept',
  'accept-encoding',
  'accept-language',
  'sec-fetch-site',
  'sec-fetch-mode',
  'sec-fetch-dest',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'origin',
  'te',
]

// What is the same in all of a client's requests. Chromium puts its sec-ch-ua headers here and there, so they count as a set.
const IN_ORDER: Record<string, boolean> = {
  host: true,
  connection: true,
  'user-agent': true,
  accept: true,
  'accept-encoding': true,
  'accept-language': true,
}
const AS_A_SET = ['sec-fetch-mode', 'sec-ch-ua', 'te']

export interface HeaderShape {
  /** by name in lower case: which place it has, from 1; undefined: not sent */
  place: Record<string, number | undefined>
  /** whether places mean anything: a proxy puts headers into an order of its own */
  is_ordered: boolean
  /** the same for all requests of one client, short enough to be read */
  text: string
}

/**
 * `names`: known headers as they were sent, each with a line end. Accept-Encoding is followed by "~" and what its value is like.
 * Behind a proxy they are in lower case and sorted, and `is_ordered` is false.
 */
export function readShape(names: string, is_ordered: boolean): HeaderShape {
  const place: Record<string, number | undefined> = {}
  let text = is_ordered ? 'order' : 'set'
  let count = 0
  let from = 0
  while (from < names.length) {
    const end = names.indexOf('\n', from)
    if (end < 0) break
    const sent = names.substring(from, end)
    from = end + 1
    const mark = sent.indexOf('~')
    const name = (mark < 0 ? sent : sent.substring(0, mark)).toLowerCase()
    count += 1
    if (place[name] === undefined) place[name] = count
    if (IN_ORDER[name] === true) text = text + ' ' + sent
  }
  for (const name of AS_A_SET) if (place[name] !== undefined) text = text + ' +' + name
  return { place, is_ordered, text }
}

/** Whether these come in this order; those that were not sent do not matter. */
export function isInOrder(shape: HeaderShape, names: readonly string[]): boolean {
  let last = 0
  for (const name of names) {
    const place = shape.place[name]
    if (place !== undefined) {
      if (place < last) return false
      last = place
    }
  }
  return true
}
