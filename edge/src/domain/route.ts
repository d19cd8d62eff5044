// Which route a request is: paths are matched strictly, and the upstream path is built from what was matched,
// never cut from the request.
import { ID_LENGTH_MAX } from '../../../contract/keys'
import { TICKET_LENGTH_MAX } from '../../../contract/ticket'

export type RouteName =
  | 'sales'
  | 'state'
  | 'challenge'
  | 'take_ticket'
  | 'ticket'
  | 'draw'
  | 'reserve'
  | 'cart'
  | 'reservation'
  | 'give_back'
  | 'pay'
  | 'login'
  | 'logout'
  | 'webhook'
  | 'sandbox'
  /** the page of a product */
  | 'item'
  /** products that are looked for */
  | 'search'
  /** what a user has looked at and bought; that it be forgotten; that something was looked at */
  | 'history'
  | 'forget_history'
  | 'visit'
  /** a link that no person sees */
  | 'trap'

export interface Route {
  name: RouteName
  /** sale id, reservation id, provider, payment session or product id, as the path has it; '' where there is none */
  subject: string
  /** of the path, for `ticket` alone */
  ticket?: string
}

export interface RouteMatch {
  route?: Route
  /** the path exists, for these methods (value of the Allow header) */
  allow?: string
}

const RESERVATION_ID_LENGTH_MAX = 160
const LETTER_A = 97
const LETTER_Z = 122
const DIGIT_0 = 48
const DIGIT_9 = 57
const UNDERSCORE = 95
const HYPHEN = 45
const DOT = 46
const CAPITAL_A = 65
const CAPITAL_Z = 90

/** Ids of sales, SKUs and products: [a-z0-9_-]{1,64}. */
export function isId(text: string): boolean {
  const length = text.length
  if (length === 0 || length > ID_LENGTH_MAX) return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    const ok =
      (code >= LETTER_A && code <= LETTER_Z) ||
      (code >= DIGIT_0 && code <= DIGIT_9) ||
      code === UNDERSCORE ||
      code === HYPHEN
    if (!ok) return false
  }
  return true
}

/** [A-Za-z0-9_.-]{1,160}: what reservation ids and payment sessions are made of. */
export function isToken(text: string): boolean {
  return isTokenUpTo(text, RESERVATION_ID_LENGTH_MAX)
}

function isTokenUpTo(text: string, length_max: number): boolean {
  const length = text.length
  if (length === 0 || length > length_max) return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    const ok =
      (code >= LETTER_A && code <= LETTER_Z) ||
      (code >= CAPITAL_A && code <= CAPITAL_Z) ||
      (code >= DIGIT_0 && code <= DIGIT_9) ||
      code === UNDERSCORE ||
      code === HYPHEN ||
      code === DOT
    if (!ok) return false
  }
  return true
}

function found(name: RouteName, subject: string): RouteMatch {
  return { route: { name, subject } }
}

function isGet(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function matchSales(method: string, path: string): RouteMatch {
  const slash = path.indexOf('/', 7)
  if (slash < 0) return {}
  const sale = path.substring(7, slash)
  if (!isId(sale)) return {}
  const rest = path.substring(slash + 1)
  if (rest === 'reservations') {
    if (method === 'POST') return found('reserve', sale)
    if (isGet(method)) return found('cart', sale)
    return { allow: 'GET, HEAD, POST' }
  }
  if (rest === 'tickets') return method === 'POST' ? found('take_ticket', sale) : { allow: 'POST' }
  if (rest.substring(0, 8) === 'tickets/') {
    const ticket = rest.substring(8)
    if (!isTokenUpTo(ticket, TICKET_LENGTH_MAX)) return {}
    return isGet(method) ? { route: { name: 'ticket', subject: sale, ticket } } : { allow: 'GET, HEAD' }
  }
  if (rest === 'challenge') return isGet(method) ? found('challenge', sale) : { allow: 'GET, HEAD' }
  if (rest === 'draw') return isGet(method) ? found('draw', sale) : { allow: 'GET, HEAD' }
  if (rest === 'state') return isGet(method) ? found('state', sale) : { allow: 'GET, HEAD' }
  return {}
}

function matchReservations(method: string, path: string): RouteMatch {
  const slash = path.indexOf('/', 14)
  const id = slash < 0 ? path.substring(14) : path.substring(14, slash)
  if (!isToken(id)) return {}
  if (slash < 0) {
    if (isGet(method)) return found('reservation', id)
    if (method === 'DELETE') return found('give_back', id)
    return { allow: 'DELETE, GET, HEAD' }
  }
  if (path.substring(slash + 1) !== 'payment') return {}
  return method === 'POST' ? found('pay', id) : { allow: 'POST' }
}

// During a rush nearly every request is for one path. Remembering the last answer saves two tables and the loop over the id,
// past which LuaJIT would not compile the rest of the request (bench compiled: 2190 → 1390 bytes of garbage).
let last_method = ''
let last_path = ''
let last_match: RouteMatch = {}

/** `path` is decoded and normalised, without the query. Nobody may change what it answers. */
export function matchRoute(method: string, path: string): RouteMatch {
  if (path === last_path && method === last_method) return last_match
  last_match = parseRoute(method, path)
  last_method = method
  last_path = path
  return last_match
}

function parseRoute(method: string, path: string): RouteMatch {
  if (path.substring(0, 7) === '/sales/') return matchSales(method, path)
  if (path.substring(0, 14) === '/reservations/') return matchReservations(method, path)
  if (path.substring(0, 10) === '/web/item/') {
    const item = path.substring(10)
    if (!isId(item)) return {}
    return isGet(method) ? found('item', item) : { allow: 'GET, HEAD' }
  }
  if (path === '/sessions') {
    if (method === 'POST') return found('login', '')
    if (method === 'DELETE') return found('logout', '')
    return { allow: 'DELETE, POST' }
  }
  if (path === '/sales') return isGet(method) ? found('sales', '') : { allow: 'GET, HEAD' }
  if (path === '/search') return isGet(method) ? found('search', '') : { allow: 'GET, HEAD' }
  if (path === '/users/me/history') {
    if (method === 'DELETE') return found('forget_history', '')
    return isGet(method) ? found('history', '') : { allow: 'DELETE, GET, HEAD' }
  }
  if (path === '/users/me/visits') return method === 'POST' ? found('visit', '') : { allow: 'POST' }
  if (path === '/early-access') return isGet(method) ? found('trap', '') : { allow: 'GET, HEAD' }
  if (path.substring(0, 10) === '/webhooks/') {
    const provider = path.substring(10)
    if (!isId(provider)) return {}
    return method === 'POST' ? found('webhook', provider) : { allow: 'POST' }
  }
  if (path.substring(0, 13) === '/sandbox/pay/') {
    const session = path.substring(13)
    if (!isToken(session)) return {}
    return isGet(method) || method === 'POST' ? found('sandbox', session) : { allow: 'GET, HEAD, POST' }
  }
  return {}
}

/** The path at the backend for a route that is forwarded. */
export function upstreamPath(route: Route): string {
  switch (route.name) {
    case 'reserve':
    case 'cart':
      return '/sales/' + route.subject + '/reservations'
    case 'state':
      return '/sales/' + route.subject + '/state'
    case 'challenge':
      return '/sales/' + route.subject + '/challenge'
    case 'take_ticket':
      return '/sales/' + route.subject + '/tickets'
    case 'ticket':
      return '/sales/' + route.subject + '/tickets/' + (route.ticket ?? '')
    case 'draw':
      return '/sales/' + route.subject + '/draw'
    case 'reservation':
    case 'give_back':
      return '/reservations/' + route.subject
    case 'pay':
      return '/reservations/' + route.subject + '/payment'
    case 'webhook':
      return '/webhooks/' + route.subject
    case 'sandbox':
      return '/sandbox/pay/' + route.subject
    case 'item':
      return '/item/' + route.subject
    case 'history':
    case 'forget_history':
      return '/users/me/history'
    case 'visit':
      return '/users/me/visits'
    case 'login':
    case 'logout':
      return '/sessions'
    default:
      return '/' + route.name
  }
}
