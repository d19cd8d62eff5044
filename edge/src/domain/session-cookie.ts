// The session among a request's cookies.

/** with TLS the __Host- prefix; on loopback http browsers would refuse it */
const COOKIE_NAMES = ['__Host-rush_session=', 'rush_session=']

const TAB = 9
const SPACE = 32
const EQUALS = 61

/** The session token in a Cookie header; undefined when there is none. */
export function sessionCookie(cookies: string): string | undefined {
  for (const name of COOKIE_NAMES) {
    let from = cookies.indexOf(name)
    // a name that only ends in ours is another cookie
    while (from > 0 && cookies.substring(from - 2, from) !== '; ') from = cookies.indexOf(name, from + 1)
    if (from >= 0) {
      const begin = from + name.length
      const end = cookies.indexOf(';', begin)
      return end < 0 ? cookies.substring(begin) : cookies.substring(begin, end)
    }
  }
  return undefined
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
