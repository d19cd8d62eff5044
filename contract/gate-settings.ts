// What a sale asks of those who want to buy in it: the object `gate` of POST /admin/sales. All of it is off by default.

export interface WaitingRoomSettings {
  /** people let in a second, at most */
  admit_per_s: number
  /** people who hold a pass or an unpaid reservation at the same time, at most */
  checkout_max: number
  /** those who come before the opening are drawn by lot; false: order of arrival from the first on */
  draw: boolean
  /** a number that becomes public after the list of entrants is closed, and decides the draw with the secret */
  beacon?: BeaconSettings
}

export interface BeaconSettings {
  /** where it comes from, in words for those who check the draw */
  source: string
  /** how long the draw waits for it, after the list is closed */
  wait_s: number
}

interface ScoreSettings {
  /** from this score on (edge/src/plugins/bot-score) a purchase must bring a proof of work; 0 or absent: never */
  challenge_from?: number
  /** from this score on it is refused; 0 or absent: never */
  refuse_from?: number
}

export interface GateSettings {
  /** least membership level, 0 to 9 */
  level_min?: number
  /** purchases must be signed with the session's key (contract/request-signature.ts) */
  signature?: boolean
  /** purchases must bring a proof of work, or what stands for it */
  proof?: boolean
  /** what follows from looking like a machine; absent: what rushgate.json says */
  score?: ScoreSettings
  /** purchases must bring a pass, which the waiting room gives */
  waiting_room?: WaitingRoomSettings
  /** settings of plugins of the operator's own, by plugin name */
  plugins?: Record<string, unknown>
}
