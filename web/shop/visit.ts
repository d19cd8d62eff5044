// A product's page that somebody looks at who has signed in here: says so, for their own history. Pages come from caches, so the
// server does not see every visit; nobody else is told, and nothing is said of who has not signed in.
import { deviceBox, Store } from './store'

const ITEM = /^\/(?:web\/)?item\/([a-z0-9_-]{1,64})$/

const item = ITEM.exec(location.pathname)?.[1]

if (item !== undefined && new Store(deviceBox()).user() !== undefined) {
  const body = JSON.stringify({ item })
  // whether it arrives or not, the page is the same
  fetch('/users/me/visits', { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(
    () => undefined,
  )
}
