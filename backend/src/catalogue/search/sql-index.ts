// The index in SQL tables has every change as soon as it is committed; made anew, the words of every product are written again, as
// they may be other ones with a new version of this program.
import type { Products } from '../products'
import type { IndexState, ProductIndex } from './product-index'

/** small: each is a transaction that others wait for */
const BATCH = 50

export class SqlIndex implements ProductIndex {
  readonly name = 'sql'

  constructor(
    private readonly products: Products,
    private readonly now: () => number,
  ) {}

  async current(): Promise<IndexState | undefined> {
    const { version, sql_built_ms } = await this.products.version()
    return sql_built_ms === 0 ? undefined : { index: 'tables', synced: version, built_ms: sql_built_ms }
  }

  async follow(_: IndexState, until: number): Promise<number> {
    return until
  }

  async rebuild(proceed: (written: number) => Promise<void>): Promise<IndexState> {
    const built_ms = this.now()
    let written = 0
    for (let after = ''; ; ) {
      const ids = await this.products.writeTermsAfter(after, BATCH)
      written += ids.length
      await proceed(written)
      if (ids.length < BATCH) break
      after = ids.at(-1) ?? ''
    }
    await this.products.termsWritten(built_ms)
    return { index: 'tables', synced: (await this.products.version()).version, built_ms }
  }
}
