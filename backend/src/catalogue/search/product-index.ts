// An index of the products, as its keeper sees it: followed change by change, and made anew now and then.

export interface IndexState {
  /** names the build */
  index: string
  /** version of the catalogue up to which it has everything */
  synced: number
  /** when its making began */
  built_ms: number
}

export interface ProductIndex {
  readonly name: 'elasticsearch' | 'sql'
  /** The one in use; undefined when there is none that can be used. */
  current(): Promise<IndexState | undefined>
  /** Writes the next changes, up to version `until` at most; answers how far the index has got. */
  follow(state: IndexState, until: number): Promise<number>
  /** Makes it anew. `proceed` is told how many products it has by now, and may throw to break it off. */
  rebuild(proceed: (written: number) => Promise<void>): Promise<IndexState>
}
