// The session among a request's cookies.

const HOST_COOKIE = '__Host-rush_session='
/** for plain http, where browsers refuse the prefix */
const PLAIN_COOKIE = 'rush_session='
const COOKIE_NAMES = [HOST_COOKIE, PLAIN_COOKIE]

const TAB = 9
const SPACE = 32
const EQUALS = 61

function cookieValue(cookies: string, name: string): string | undefined {
  let from = cookies.indexOf(name)
  // a name that only ends in ours is another cookie
  while (from > 0 && cookies.substring(from - 2, from) !== '; ') from = cookies.indexOf(name, from + 1)
  if (from < 0) return undefined
  const begin = from + name.length
  const end = cookies.indexOf(';', begin)
  return end < 0 ? cookies.substring(begin) : cookies.substring(begin, end)
}

/**
 * The session token in a Cookie header; undefined when there is none. Over https only the one with the prefix counts: the
 * other may have been set by a sibling's host, or by whoever answers http in our name.
 */
export function sessionCookie(cookies: string, is_https: boolean): string | undefined {
  const of_host = cookieValue(cookies, HOST_COOKIE)
  return of_host !== undefined || is_https ? of_host : cookieValue(cookies, PLAIN_COOKIE)
}

/** the end of a session token is its MAC: enough to know it again */
const SESSION_MARK_LENGTH = 22

/** Of the session that a request presents, unchecked, by its headers: only to know it again. '' where there is none. */
export function sessionMark(authorization: string | undefined, cookies: string | undefined): string {
  const token = authorization ?? (cookies === undefined ? '' : (sessionCookie(cookies, false) ?? ''))
  const from = token.length - SESSION_MARK_LENGTH
  return from > 0 ? token.substring(from) : token
}

/** Under what ports.marks keeps that a session was told again and again that it asks too often. */
export function hastyMark(session_mark: string): string {
  return 'hasty:' + session_mark
}

/** The Cookie header without any session, also one that sessionCookie would not find; '' when nothing is left. */
export function withoutSessionCookies(cookies: string): string {
  let kept = ''
  let from = 0
  while (from < cookies.length) {
    let end = cookies.indexOf(';', from)
    if (end < 0) end = cookies.length
    while (from < end && (cookies.charCodeAt(from) === SPACE || cookies.charCodeAt(from) === TAB)) from++
    const pair = cookies.substring(from, end)
    let is_session = false
    for (const name of COOKIE_NAMES) {
      // the name may be followed by spaces, which the backend trims
      const bare = name.substring(0, name.length - 1)
      const rest = pair.substring(bare.length)
      if (
        pair.substring(0, bare.length) === bare &&
        (rest === '' || rest.charCodeAt(0) === EQUALS || rest.charCodeAt(0) === SPACE)
      )
        is_session = true
    }
    if (!is_session && pair !== '') kept = kept === '' ? pair : kept + '; ' + pair
    from = end + 1
  }
  return kept
}
