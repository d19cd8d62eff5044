// What plugins see of events of items (contract/hot-item-event.ts).
import type { GateRequest } from './request'

export interface EventsPort {
  /**
   * Records that this request asked for `item` and got `status`. Never waits and never fails: what finds no room is dropped and
   * counted. Called in a plugin's `done`, when the status is known.
   */
  record: (this: void, request: GateRequest, item: string, status: number) => void
}

/** Where nobody wants them. */
export const NO_EVENTS: EventsPort = { record: () => {} }
