// Allow and deny lists: what the operator may write, what is kept, and what gates are told of it.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FollowedLists, LIST_ENTRIES_MAX } from '../../contract/followed-lists'
import type { ListEntry } from '../src/ledger/lists'
import { World } from './world'

const ONE: ListEntry = { list: 'deny', kind: 'user', value: 'x', reason: '', made_ms: 1, until_ms: 0 }

/** Follows as a gate does, and keeps what it is told. */
class Gate {
  private readonly entries = new Map<string, number>()
  last: FollowedLists | undefined

  constructor(
    private readonly world: World,
    public after = -1,
  ) {}

  async poll(wait_ms = 10_000): Promise<FollowedLists> {
    const bearer = this.world.keyring.signing('internal').key.toString('base64url')
    const path = `/internal/lists?after=${this.after}&wait_ms=${wait_ms}`
    const reply = await this.world.call('GET', path, { bearer })
    if (reply.status === 503) return sleep(50).then(() => this.poll(wait_ms))
    expect(reply.status).toBe(200)
    const told: FollowedLists = reply.body
    expect(told.version).toBeGreaterThanOrEqual(this.after)
    if (told.complete) this.entries.clear()
    for (const { list, kind, value, until_ms, removed } of told.changes) {
      if (removed) expect(this.entries.delete(`${list} ${kind} ${value}`)).toBe(true)
      else this.entries.set(`${list} ${kind} ${value}`, until_ms)
    }
    this.after = told.version
    this.last = told
    return told
  }

  get known(): string[] {
    return [...this.entries.keys()].sort()
  }

  untilOf(entry: string): number | undefined {
    return this.entries.get(entry)
  }

  async knows(...entries: string[]): Promise<void> {
    const deadline = Date.now() + 20_000
    while (Date.now() < deadline && this.known.join() !== entries.sort().join()) await this.poll(1000)
    expect(this.known).toEqual(entries)
  }
}

for (const ledger of ['memory', 'pglite'] as const) {
  describe(`lists in the ${ledger} ledger`, () => {
    let world: World
    beforeAll(async () => {
      world = await World.start({ ledger })
    })
    afterAll(() => world.stop())

    test('keep each value in one form, however it is written', async () => {
      const written: [path: string, kind: string, value: string][] = [
        ['address/192.0.2.1', 'address', '192.0.2.1'],
        ['address/::FFFF:192.0.2.9', 'address', '192.0.2.9'],
        ['address/2001:0DB8:0:0:0:0:0:1', 'address', '2001:db8::1'],
        ['cidr/198.51.100.0%2F24', 'cidr', '198.51.100.0/24'],
        ['cidr/203.0.113.0/25', 'cidr', '203.0.113.0/25'],
        ['cidr/192.0.2.7%2F32', 'cidr', '192.0.2.7/32'],
        ['cidr/2001:DB8:1::%2F48', 'cidr', '2001:db8:1::/48'],
        ['cidr/::ffff:10.0.0.0%2F104', 'cidr', '10.0.0.0/8'],
        ['cidr/0.0.0.0%2F0', 'cidr', '0.0.0.0/0'],
        [`user/${encodeURIComponent('Zoë / 1')}`, 'user', 'Zoë / 1'],
        ['fingerprint/0123456789abcdef', 'fingerprint', '0123456789abcdef'],
      ]
      for (const [path, kind, value] of written) {
        const made = await world.admin('PUT', `/admin/deny/${path}`, { reason: 'seen at night' })
        expect([made.status, made.body.kind, made.body.value], path).toEqual([201, kind, value])
      }
      expect((await world.admin('PUT', '/admin/deny/address/192.0.2.1')).status).toBe(200)
      const all = (await world.admin('GET', '/admin/deny')).body
      expect(all.total).toBe(written.length)
      const values = all.entries.map((entry: ListEntry) => entry.value)
      expect(new Set(values)).toEqual(new Set(written.map(([, , value]) => value)))
      const first = (await world.admin('GET', '/admin/deny?limit=3')).body
      const rest = (await world.admin('GET', `/admin/deny?after=${encodeURIComponent(first.next)}`)).body
      expect([...first.entries, ...rest.entries]).toEqual(all.entries)
      expect(rest.next).toBeUndefined()
      for (const [path] of written) expect((await world.admin('DELETE', `/admin/deny/${path}`)).status).toBe(204)
      expect((await world.admin('GET', '/admin/deny')).body).toEqual({ total: 0, entries: [] })
      expect((await world.admin('DELETE', '/admin/deny/address/192.0.2.1')).status).toBe(404)
    })

    test('refuse what they cannot keep, naming the field', async () => {
      const wrong: [path: string, body: unknown, field: string][] = [
        ['address/192.0.2.256', {}, 'value'],
        ['address/192.0.2.0%2F24', {}, 'value'],
        ['address/%5B::1%5D:80', {}, 'value'],
        ['cidr/192.0.2.1', {}, 'value'],
        ['cidr/192.0.2.1%2F24', {}, 'value'],
        ['cidr/192.0.2.0%2F33', {}, 'value'],
        ['cidr/2001:db8::%2F129', {}, 'value'],
        [`user/${'é'.repeat(129)}`, {}, 'value'],
        ['user/a%00b', {}, 'value'],
        ['fingerprint/XYZ', {}, 'value'],
        ['colour/red', {}, 'kind'],
        ['user/eve', { until: '2001-01-01T00:00:00Z' }, 'until'],
        ['user/eve', { until: 'tomorrow' }, 'until'],
        ['user/eve', { until: '9999-01-01T00:00:00Z' }, 'until'],
        ['user/eve', { reason: 'a\u0000b' }, 'reason'],
        ['user/eve', { reason: 'x'.repeat(501) }, 'reason'],
        ['user/eve', { why: 'x' }, 'why'],
      ]
      for (const [path, body, field] of wrong) {
        const reply = await world.admin('PUT', `/admin/allow/${path}`, body)
        expect([reply.status, reply.body.detail.split(':')[0]], path).toEqual([400, field])
      }
      expect((await world.admin('PUT', '/admin/deny/user/%E0%A4%A', {})).status).toBe(400)
      expect((await world.admin('POST', '/admin/deny/user/eve', {})).headers.get('allow')).toBe('PUT, DELETE')
      for (const [method, path] of [
        ['PUT', '/admin/deny/user/eve'],
        ['DELETE', '/admin/deny/user/eve'],
        ['GET', '/admin/deny'],
        ['GET', '/internal/lists'],
      ] as const) {
        expect((await world.call(method, path)).status, path).toBe(401)
      }
      expect((await world.ledger.lists.read()).entries).toEqual([])
    })

    test('tell a gate everything first and then what has changed', async () => {
      await world.admin('PUT', '/admin/deny/user/ann')
      const gate = new Gate(world)
      await gate.knows('deny user ann')
      const waiting = gate.poll()
      const until = new Date(Date.now() + 3_600_000).toISOString()
      await world.admin('PUT', '/admin/allow/cidr/10.0.0.0%2F8', { until })
      const added = await waiting
      expect(added).toMatchObject({ complete: false, changes: [{ value: '10.0.0.0/8' }] })
      await gate.knows('deny user ann', 'allow cidr 10.0.0.0/8')
      expect(gate.untilOf('allow cidr 10.0.0.0/8')).toBe(Date.parse(until))
      expect(added.in_use.allow).toMatchObject({ cidr: 1, v4_bits: [8], v6_bits: [], user: 0 })
      expect(added.in_use.deny).toMatchObject({ user: 1, cidr: 0 })
      await world.admin('DELETE', '/admin/deny/user/ann')
      await gate.knows('allow cidr 10.0.0.0/8')
      expect(gate.last).toMatchObject({ complete: false, changes: [{ value: 'ann', removed: true }] })
      const late = new Gate(world)
      expect(await late.poll()).toMatchObject({ version: gate.after, complete: true })
      expect(late.known).toEqual(gate.known)
      await world.admin('DELETE', '/admin/allow/cidr/10.0.0.0%2F8')
      await gate.knows()
    })

    test('let entries go when their time is up, and tell the gates', async () => {
      const gate = new Gate(world)
      await world.admin('PUT', '/admin/deny/user/bob', { until: new Date(Date.now() + 3000).toISOString() })
      await gate.knows('deny user bob')
      await gate.knows()
      expect((await world.admin('GET', '/admin/deny')).body.total).toBe(0)
      expect(gate.last?.in_use.deny.user).toBe(0)
    })

    test('are there after a restart', async () => {
      await world.admin('PUT', '/admin/deny/address/192.0.2.77', { reason: 'scalper' })
      const gate = new Gate(world)
      await gate.knows('deny address 192.0.2.77')
      await world.backend.stop()
      await world.restart()
      // one that is not behind is told nothing, and one that is has everything to read anew
      const { after } = gate
      expect(await gate.poll(0)).toMatchObject({ version: after, changes: [] })
      const behind = new Gate(world, after - 1)
      expect((await behind.poll()).complete).toBe(true)
      expect(behind.known).toEqual(['deny address 192.0.2.77'])
      await world.admin('DELETE', '/admin/deny/address/192.0.2.77')
    })

    test('have a ceiling, also for many who write at once', async () => {
      const read = world.ledger.lists
      // one short of full, past the API: twenty thousand requests would take a minute
      if (ledger === 'pglite') {
        const sql = `INSERT INTO list_entries SELECT 'deny', 'user', 'u' || n, '', 1, 0 FROM generate_series(2, ${LIST_ENTRIES_MAX}) n`
        await (read as unknown as { db: { query(sql: string): Promise<unknown> } }).db.query(sql)
      } else {
        for (let n = 2; n <= LIST_ENTRIES_MAX; n++) await read.put({ ...ONE, value: `u${n}` })
      }
      const replies = await Promise.all(['p', 'q', 'r'].map((user) => world.admin('PUT', `/admin/deny/user/${user}`)))
      expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409])
      const refused = replies.find(({ status }) => status === 409)
      expect(refused?.body.detail).toContain(String(LIST_ENTRIES_MAX))
      // what is there may still be changed and removed
      expect((await world.admin('PUT', '/admin/deny/user/u2', { reason: 'again' })).status).toBe(200)
      expect((await world.admin('DELETE', '/admin/deny/user/u2')).status).toBe(204)
      expect((await world.admin('PUT', '/admin/deny/user/s')).status).toBe(201)
    })
  })
}
