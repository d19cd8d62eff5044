// The backend put together: which parts a process has follows from its roles.
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { Breaker } from './breaker'
import type { Catalogue } from './catalogue/catalogue'
import { createShopWindow } from './catalogue/shop-window'
import { type Config, redacted } from './config'
import { addCrawlerRoutes } from './crawlers/routes'
import { CrawlerVerifier } from './crawlers/verifier'
import { addDegradeRoutes } from './degrade/routes'
import { Drawer, type DrawStep } from './draw/drawer'
import { addDrawRoutes } from './draw/routes'
import { Returner } from './holds/returner'
import { Sweeper } from './holds/sweeper'
import { HotItems } from './hot-items/hot-items'
import { apiRolesIn, onlyRoles } from './http/api-roles'
import { Authenticator } from './http/auth'
import { addHealthRoutes } from './http/health'
import { type ReceiptMaker, Refusal } from './http/refusal'
import { createHttpServer, type HttpServer } from './http/server'
import type { Ledger } from './ledger/port'
import { ListsFollower } from './lists/follower'
import { addListRoutes } from './lists/routes'
import type { Logger } from './log'
import { createMetrics, type Metrics } from './metrics'
import { GuardedProvider } from './payment/guarded-provider'
import { addSandboxRoutes, addWebhookRoutes } from './payment/routes'
import { Sandbox } from './payment/sandbox'
import { PinsFollower } from './pins/follower'
import { addPinRoutes } from './pins/routes'
import { receiptInputs, sealReceipt } from './receipts/receipts'
import { addReceiptRoutes } from './receipts/routes'
import { createRedisClient } from './redis/client'
import { Scripts } from './redis/scripts'
import { Shards, wrongEvictionPolicy } from './redis/shards'
import { Reservations } from './reservations/reservations'
import { addReservationRoutes } from './reservations/routes'
import { SalesFollower } from './sales/follower'
import { Rebuilder, type RebuildStep } from './sales/rebuild'
import { addSalesRoutes } from './sales/routes'
import { SalesService } from './sales/service'
import { evictionProblem, Watcher } from './sales/watcher'
import { Keyring, parseSecrets, readSecretFile } from './secrets'
import { addAccountRoutes } from './sessions/account-routes'
import { Accounts } from './sessions/accounts'
import { Passwords } from './sessions/password'
import { addSessionRoutes } from './sessions/routes'
import { Sessions } from './sessions/sessions'
import { intentsTopic, settlementParts } from './settlement/assemble'
import { KafkaSurvivors } from './settlement/kafka-survivors'
import { Publisher } from './settlement/publisher'
import { createUsers } from './users/parts'
import { RoomKeeper } from './waiting/keeper'

const REDIS_FIRST_WAIT_MS = 2000

interface Part {
  start(): void | Promise<void>
  stop(): Promise<void>
}

export interface BackendHooks {
  /** for tests: called before each step of a rebuild, may throw as a kill would */
  beforeRebuildStep?: (step: RebuildStep) => Promise<void> | void
  /** the same of a draw */
  beforeDrawStep?: (step: DrawStep) => Promise<void> | void
}

export class Backend {
  readonly metrics: Metrics
  readonly sandbox: Sandbox
  readonly sales: SalesFollower
  readonly rebuilder: Rebuilder
  /** where the ledger has a database */
  readonly catalogue: Catalogue | undefined
  private readonly redis: Redis
  /** of what may be lost */
  private readonly volatile: Redis
  private readonly http: HttpServer
  private readonly keyring: Keyring
  private readonly followers: Part[]
  private readonly parts: Part[]
  /** where it listens, once it does */
  url = ''

  constructor(
    readonly config: Config,
    readonly ledger: Ledger,
    private readonly log: Logger,
    hooks: BackendHooks = {},
  ) {
    const { roles, instance, public_url } = config
    const served = apiRolesIn(roles)
    const metrics = createMetrics()
    this.metrics = metrics
    const redis = createRedisClient({ url: config.redis_url, name: 'commands', log, metrics })
    this.redis = redis
    const scripts = new Scripts()
    const shards = new Shards(redis, scripts, config.backlog_max)
    const keyring = new Keyring(config.secrets)
    this.keyring = keyring
    const sales = new SalesFollower(ledger, log, metrics)
    this.sales = sales
    const lists = new ListsFollower(ledger, log, metrics)
    const pins = new PinsFollower(ledger, log, metrics)
    const volatile = createRedisClient({ url: config.redis_volatile_url, name: 'volatile', log, metrics })
    this.volatile = volatile
    const of_window = { config, redis, durable: () => ledger.durable(), now: () => ledger.now(), sales, log, metrics }
    const window = ledger.db && createShopWindow({ ...of_window, db: ledger.db })
    this.catalogue = window?.catalogue
    const users = ledger.db && createUsers({ ...of_window, db: ledger.db, volatile })
    const of_sales = { ledger, redis, shards, scripts, sales, metrics, log }
    const topic = intentsTopic(config)
    const kafka = topic && new KafkaSurvivors({ ...topic, log })
    const rebuilder = new Rebuilder({ ...of_sales, instance, kafka, beforeStep: hooks.beforeRebuildStep })
    this.rebuilder = rebuilder
    this.sandbox = new Sandbox({
      folder: join(config.data_dir, 'sandbox'),
      keyring,
      public_url,
      webhook_url: () => `${served.includes('transaction') ? this.url : public_url}/webhooks/sandbox`,
      now: () => ledger.now(),
      log,
    })
    const provider = new GuardedProvider(this.sandbox, this.breaker('payment provider'))

    const publisher = new Publisher({ ledger, shards, metrics, log, onPublished: (names) => users?.changed(names) })
    const returner = new Returner({ ledger, shards, metrics, log })
    const onChanged = () => {
      publisher.kick()
      returner.kick()
    }
    const sweeper = new Sweeper({ ledger, redis, shards, sales, provider, metrics, log, instance, onChanged })
    const onPayment = () => {
      onChanged()
      sweeper.kick()
    }
    const watcher = new Watcher({ redis, shards, sales, rebuilder, metrics, log })
    const sessions = new Sessions(ledger, redis, sales, keyring, metrics)
    const auth = new Authenticator(keyring, config.admin_token, public_url, () => ledger.now())

    const hot_items = new HotItems({ config, log, metrics, now: () => ledger.now() })

    const makeReceipt: ReceiptMaker = (request, code) => sealReceipt(keyring, receiptInputs(request, code))
    this.http = createHttpServer(log, metrics, makeReceipt, (app) => {
      addHealthRoutes(app, { ledger, redis, metrics })
      if (served.length === 0) return
      app.use(onlyRoles(served))
      const service = new SalesService({ ledger, shards, sales, rebuilder, log })
      addSalesRoutes(app, { ledger, redis, sales, service, sessions, auth, demo: config.demo })
      addDegradeRoutes(app, { ledger, sales, auth, log })
      const passwords = new Passwords(config.login_hashes_max)
      const accounts = new Accounts(ledger, passwords, sessions, config.demo)
      addAccountRoutes(app, ledger, accounts, auth)
      addSessionRoutes(app, { accounts, sessions, auth, public_url })
      const reservations = new Reservations({ ledger, shards, sales, provider, public_url, metrics, log, onChanged })
      addDrawRoutes(app, { ledger, sales, auth, log })
      addReceiptRoutes(app, { keyring, auth })
      addListRoutes(app, { ledger, lists, auth, log })
      addPinRoutes(app, { ledger, pins, redis: volatile, auth, log })
      window?.addRoutes(app, auth)
      users?.addRoutes(app, auth)
      hot_items.addRoutes(app, auth)
      addCrawlerRoutes(app, { verifier: new CrawlerVerifier(config.dns_servers), auth, metrics })
      addReservationRoutes(app, { auth, reservations, sales, sessions })
      addWebhookRoutes(app, { ledger, provider, metrics, onChanged: onPayment })
      addSandboxRoutes(app, this.sandbox)
    })

    // what gates poll for: stopped first, so that they are answered
    this.followers = [sales, ...(window?.parts ?? [])]
    if (served.length > 0) this.followers.push(lists, pins)
    this.parts = []
    const onReturns = () => returner.kick()
    this.parts.push(...settlementParts({ config, ledger, redis, sales, metrics, log, publisher, onReturns }))
    const drawer = new Drawer({ ...of_sales, beforeStep: hooks.beforeDrawStep })
    const keeper = new RoomKeeper(of_sales)
    if (roles.includes('sweeper')) this.parts.push(watcher, returner, sweeper, drawer, keeper)
    // last, so that what the others change is still heard of
    this.parts.push(...(users?.parts ?? []))
    this.parts.push({ start: () => undefined, stop: () => rebuilder.stop() }, this.sandbox, hot_items)
  }

  private breaker(name: string): Breaker {
    const { log, metrics } = this
    return new Breaker({
      name,
      isFailure: (error) => !(error instanceof Refusal),
      onChange: (is_open, upstream) => {
        log.warn({ upstream }, is_open ? 'breaker opened' : 'breaker closed again')
        metrics.breaker_open.set({ upstream }, is_open ? 1 : 0)
      },
    })
  }

  /** Resolves when requests are served. Refuses a Redis that may throw keys away; one that is away may come later. */
  async start(): Promise<void> {
    this.log.info({ config: redacted(this.config), ledger: this.ledger.kind }, 'configuration')
    await this.firstLookAtRedis()
    const port = await this.http.listen(this.config.port, this.config.bind)
    const host = this.config.bind.includes(':') ? `[${this.config.bind}]` : this.config.bind
    this.url = `http://${host}:${port}`
    for (const part of [...this.followers, ...this.parts]) await part.start()
    this.log.info({ url: this.url, roles: this.config.roles }, 'listening')
  }

  /** Takes what RUSHGATE_SECRET_FILE says now; a file that is wrong leaves the secrets as they are. */
  reloadSecrets(): void {
    const { secret_file } = this.config
    if (secret_file === undefined) {
      this.log.warn('secrets are not read again: RUSHGATE_SECRET_FILE is not set')
      return
    }
    try {
      const secrets = parseSecrets(readSecretFile(secret_file))
      this.keyring.replace(secrets)
      this.log.info({ secrets: secrets.map(({ id }) => `${id}:redacted`) }, 'secrets read again')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.log.error({ secret_file, reason }, 'secrets not read again: the old ones go on')
    }
  }

  /** Requests end first, then the loops, then the connections; the ledger is its opener's to close. */
  async stop(): Promise<void> {
    // no new connections first: a gate whose long poll ends would poll again at once, and keep the server open
    const closed = this.http.close()
    for (const part of this.followers) await part.stop()
    await closed
    for (const part of this.parts) await part.stop()
    this.redis.disconnect()
    this.volatile.disconnect()
  }

  private async firstLookAtRedis(): Promise<void> {
    const ready = await new Promise<boolean>((resolve) => {
      if (this.redis.status === 'ready') resolve(true)
      this.redis.once('ready', () => resolve(true))
      setTimeout(resolve, REDIS_FIRST_WAIT_MS, false).unref()
    })
    if (!ready) return
    const policy = await wrongEvictionPolicy(this.redis)
    if (policy !== undefined) throw new Error(evictionProblem(policy))
  }
}
