// What plugins see of the allow and deny lists that the gate follows.
import type { Standing } from '../domain/access-list'

export interface ListsPort {
  address: (this: void, address: string) => Standing
  user: (this: void, user: string) => Standing
  fingerprint: (this: void, fingerprint: string) => Standing
}
