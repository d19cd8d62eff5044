// What operators see at GET /metrics of the backend. One registry a backend, so that several can live in one process.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, prefix: 'rushgate_backend_' })
  const counter = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Counter({ name: `rushgate_${name}`, help, labelNames, registers })
  const gauge = <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Gauge({ name: `rushgate_${name}`, help, labelNames, registers })
  return {
    registry,
    settled: counter('settled_total', 'Intents the ledger has settled, void ones included', ['sale']),
    settle_batches: counter('settle_batches_total', 'Ledger transactions of the settler', []),
    settle_seconds: new Histogram({
      name: 'rushgate_settle_seconds',
      help: 'Duration of one settling transaction',
      buckets: SECONDS,
      registers,
    }),
    published: counter('published_total', 'Statuses written to Redis from the outbox', ['status']),
    publish_lag_seconds: new Histogram({
      name: 'rushgate_publish_lag_seconds',
      help: 'From the reservation to its status in Redis',
      buckets: SECONDS,
      registers,
    }),
    dead_intents: counter('dead_intents_total', 'Intents set aside because they could not be settled', ['sale']),
    backlog: gauge('settlement_backlog_entries', 'Stream entries not settled yet', ['sale']),
    backlog_in_kafka: gauge('settlement_backlog_in_kafka', 'Of these, entries that Kafka has', ['sale']),
    relayed: counter('relayed_total', 'Entries sent from the streams to Kafka', []),
    relayed_again: counter('relayed_again_total', 'Entries that Kafka had lost, sent to it again', []),
    kafka_lag: gauge('intents_kafka_lag', 'Messages of the topic of intents that are not settled', []),
    waiting: gauge('waiting_people', 'People in the waiting room: numbers that wait, and those called up', ['sale']),
    in_checkout: gauge('checkout_people', 'People with a pass or an unpaid reservation made with one', ['sale']),
    admit_rate: gauge('admit_rate_per_second', 'People let in a second at most, as the backlog allows', ['sale']),
    numbers_left: gauge('ticket_numbers_left', 'Ticket numbers lent to Redis and not given out', ['sale']),
    outbox_lag: gauge('outbox_pending', 'Statuses and returns of the outbox seen at its last round', ['kind']),
    expired: counter('holds_expired_total', 'Holds that ran out', ['sale']),
    returns: counter('returns_total', 'Pending returns sent to Redis', ['outcome']),
    late_payments: counter('late_payments_total', 'Payments that came after their hold had run out', ['outcome']),
    refunds: counter('refunds_total', 'Refunds done at the provider', ['provider']),
    payments: counter('payments_total', 'Payment events by what they did', ['provider', 'outcome']),
    payment_sessions: counter('payment_sessions_total', 'Payment sessions opened', ['provider']),
    rebuilds: counter('rebuilds_total', 'Rebuilds by reason and outcome', ['reason', 'outcome']),
    rebuild_seconds: new Histogram({
      name: 'rushgate_rebuild_seconds',
      help: 'Duration of rebuilds that finished',
      buckets: SECONDS,
      registers,
    }),
    draw_entrants: gauge('draw_entrants', 'People who have entered the draw of a sale', ['sale']),
    draws: counter('draws_total', 'Draws made by this process', []),
    sessions: counter('sessions_total', 'Sessions minted', ['kind']),
    products: gauge('products', 'Products of the catalogue', []),
    index_behind: gauge('index_behind_versions', 'Changes of products that an index does not have yet', ['engine']),
    index_builds: counter('index_builds_total', 'Indexes of products made anew', ['engine', 'reason', 'outcome']),
    searches: counter('searches_total', 'Searches by what answered them', ['engine', 'outcome']),
    histories: counter('histories_total', 'Histories of users by where they came from', ['outcome']),
    visits: counter('visits_total', 'Visits of products by users, by what became of them', ['outcome']),
    list_entries: gauge('list_entries', 'Entries of the allow and deny lists', ['list', 'kind']),
    crawler_lookups: counter('crawler_lookups_total', 'Addresses of crawlers looked up in the DNS', ['standing']),
    loop_failures: counter('loop_failures_total', 'Rounds of a loop that failed and were tried again', ['loop']),
    redis_connected: gauge('redis_connected', '1 while the connection to Redis is ready', ['connection']),
    breaker_open: gauge('breaker_open', '1 while this upstream is not asked, because it failed again and again', [
      'upstream',
    ]),
    http: new Histogram({
      name: 'rushgate_http_seconds',
      help: 'Requests to the backend by route, method and status',
      labelNames: ['route', 'method', 'status'],
      buckets: SECONDS,
      registers,
    }),
  }
}
