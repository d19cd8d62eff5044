// npm run bench -- NAME [flags]: runs one measurement beside its peers (bench/README.md).

const MEASUREMENTS: Record<string, () => Promise<(args: string[]) => Promise<void>>> = {
  purchase: async () => (await import('./purchase')).purchase,
  refuse: async () => (await import('./refuse')).refuse,
  outer: async () => (await import('./outer')).outer,
  'one-sku': async () => (await import('./one-sku')).oneSku,
  settle: async () => (await import('./settle')).settle,
  'waiting-room': async () => (await import('./waiting-room')).waitingRoom,
  events: async () => (await import('./events')).events,
  bots: async () => (await import('./bots')).bots,
  items: async () => (await import('./items')).items,
  'hot-items': async () => (await import('./hot-items')).hotItems,
  compiled: async () => (await import('./compiled')).compiled,
}

async function main(): Promise<void> {
  const [name = '', ...args] = process.argv.slice(2)
  const load = MEASUREMENTS[name]
  if (load === undefined) {
    throw new Error(`bench: no measurement named '${name}'; there are ${Object.keys(MEASUREMENTS).join(', ')}`)
  }
  const measure = await load()
  await measure(args)
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
