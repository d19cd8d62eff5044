import { describe, expect, it } from 'vitest'
import { type ChainReport, type Link, runChain, splitAtBody, tellDone } from './chain'
import { type GateRequest, newRequest } from './request'
import { answerJson, refuse, type Verdict } from './verdict'

const request = newRequest('GET', { name: 'state', subject: 'a' }, 0, 0, '192.0.2.1')

function linkOf(name: string, verdict: Verdict | undefined, change: Partial<Link>): Link {
  const link: Link = { name, fails: 'closed', dry_run: false, phases: { access: () => verdict } }
  return { ...link, ...change }
}

/** Says where it stands, and speaks only if told to. */
function linkAt(place: number, speaks: boolean, heard: string[]): Link {
  const access = () => {
    heard.push(String(place))
    return speaks ? refuse('busy', String(place)) : undefined
  }
  return linkOf('p' + place, undefined, { phases: { access } })
}

interface Heard {
  lines: string[]
  report: ChainReport
}

function listener(): Heard {
  const lines: string[] = []
  return {
    lines,
    report: {
      refused: (plugin, refusal, dry_run) => {
        lines.push(plugin + ' ' + refusal.code + (dry_run ? ' dry' : ''))
      },
      storeFailed: (plugin, _detail, fails) => {
        lines.push(plugin + ' ' + fails)
      },
    },
  }
}

function described(verdict: Verdict): string {
  return verdict.kind === 'refusal' ? verdict.code : verdict.kind
}

describe('runChain', () => {
  it('stops at the first that speaks', () => {
    const heard = listener()
    const links = [
      linkOf('a', undefined, {}),
      linkOf('b', refuse('sold_out', ''), {}),
      linkOf('c', answerJson(200, ''), {}),
    ]
    expect(described(runChain(links, request, heard.report))).toBe('sold_out')
    expect(heard.lines).toEqual(['b sold_out'])
  })

  it('forwards when none speaks', () => {
    expect(described(runChain([linkOf('a', undefined, {})], request, listener().report))).toBe('forward')
  })

  it('asks every one of many, in their order', () => {
    for (let place = 0; place < 11; place++) {
      const heard: string[] = []
      const links: Link[] = []
      for (let i = 0; i < 11; i++) links.push(linkAt(i, i === place, heard))
      const verdict = runChain(links, request, listener().report)
      expect(verdict.kind === 'refusal' ? verdict.detail : verdict.kind).toBe(String(place))
      expect(heard.length).toBe(place + 1)
    }
  })

  it('in a dry run records the refusal and goes on', () => {
    const heard = listener()
    const links = [linkOf('a', refuse('refused', ''), { dry_run: true }), linkOf('b', answerJson(200, ''), {})]
    expect(described(runChain(links, request, heard.report))).toBe('answer')
    expect(heard.lines).toEqual(['a refused dry'])
  })

  it('does with a failed store what the plugin declares', () => {
    const heard = listener()
    const failure: Verdict = { kind: 'store_failure', detail: 'gone' }
    const open = [linkOf('a', failure, { fails: 'open' }), linkOf('b', answerJson(200, ''), {})]
    expect(described(runChain(open, request, heard.report))).toBe('answer')
    const closed = [linkOf('a', failure, {}), linkOf('b', answerJson(200, ''), {})]
    expect(described(runChain(closed, request, heard.report))).toBe('unavailable')
    expect(heard.lines).toEqual(['a open', 'a closed'])
  })
})

describe('splitAtBody', () => {
  const names = (links: Link[]): string => links.map(({ name }) => name).join(' ')

  it('asks first what needs no body, by priority, then what the others can say early', () => {
    const early = () => refuse('sold_out', '')
    const access = () => undefined
    const reading = linkOf('reading', undefined, { reads_body: true })
    const later = linkOf('later', undefined, { phases: { access, early } })
    const dry = linkOf('dry', undefined, { phases: { access, early }, dry_run: true })
    const { head, rest } = splitAtBody([linkOf('a', undefined, {}), reading, later, dry])
    expect(names(head)).toBe('a later')
    expect(names(rest)).toBe('reading later dry')
    expect(described(runChain(head, request, listener().report))).toBe('sold_out')
    expect(described(runChain(rest, request, listener().report))).toBe('forward')
  })

  it('says early what has a place of its own there, between the priorities of the others', () => {
    const early = () => refuse('sold_out', '')
    const phases = { access: () => undefined, early }
    const first = linkOf('first', undefined, { priority: 2000 })
    const second = linkOf('second', undefined, { priority: 1980 })
    const third = linkOf('third', undefined, { priority: 1950 })
    const selling = linkOf('selling', undefined, { priority: 1000, early_priority: 1990, reads_body: true, phases })
    const { head, rest } = splitAtBody([first, second, third, selling])
    expect(names(head)).toBe('first selling second third')
    expect(names(rest)).toBe('selling')
    expect(names(splitAtBody([second, third, selling]).head)).toBe('selling second third')
    expect(names(splitAtBody([first, selling]).head)).toBe('first selling')
  })

  it('leaves a route alone where nobody reads the body', () => {
    const { head, rest } = splitAtBody([linkOf('a', undefined, {}), linkOf('b', undefined, {})])
    expect(names(head)).toBe('a b')
    expect(rest.length).toBe(0)
  })

  it('tells those of its plugins who want to hear how a request ended, each once', () => {
    let heard = ''
    const access = () => undefined
    const done = (name: string) => (_request: GateRequest, status: number) => {
      heard = heard + name + status + ' '
    }
    const a = linkOf('a', undefined, { phases: { access, done: done('a') } })
    const b = linkOf('b', undefined, { reads_body: true, phases: { access, done: done('b') } })
    const c = linkOf('c', undefined, { phases: { access, done: done('c') } })
    tellDone(splitAtBody([a, linkOf('silent', undefined, {}), b, c]).done, request, 410)
    expect(heard).toBe('a410 b410 c410 ')
    tellDone(splitAtBody([a]).done, request, 200)
    expect(heard).toBe('a410 b410 c410 a200 ')
    tellDone(splitAtBody([linkOf('silent', undefined, {})]).done, request, 200)
    expect(heard).toBe('a410 b410 c410 a200 ')
  })
})
