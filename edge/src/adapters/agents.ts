// What the maintained list of crawlers (package crawler-user-agents, compiled in at build time) says of a User-Agent.
//
// Three regular expressions, compiled by PCRE at first use. A new User-Agent takes some 150 µs, so the caller remembers what it was
// told, and each worker looks at no more than so many a second: beyond that, texts that are made up anew cost nothing.
import type { AgentKind } from '../domain/bot-score'
import { AUTOMATION, CRAWLERS, LIBRARIES } from './agents.generated'
import { nowS } from './nginx-calls'

/** 3 % of a core */
const LOOKS_PER_S = 200
/** "o": compiled once; "j": to machine code */
const OPTIONS = 'jo'

let second = 0
let looks = 0

function matches(text: string, pattern: string): boolean {
  const [from, , failure] = ngx.re.find(text, pattern, OPTIONS)
  if (failure !== undefined) ngx.log(ngx.ERR, 'agents: ', failure)
  return from !== undefined
}

/** undefined: not looked at, ask again another time */
export function agentKind(text: string): AgentKind | undefined {
  const now_s = Math.floor(nowS())
  if (now_s !== second) {
    second = now_s
    looks = 0
  }
  if (looks >= LOOKS_PER_S) return undefined
  looks += 1
  if (matches(text, CRAWLERS)) return 'crawler'
  if (matches(text, AUTOMATION)) return 'automation'
  return matches(text, LIBRARIES) ? 'library' : 'none'
}
