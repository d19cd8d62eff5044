// The environment variables of hot items, and their bounds.
import { z } from 'zod'

const HOT_ITEM_CONSUMERS_MAX = 16
const HOT_ITEM_RETENTION_DAYS_MAX = 365

export const hot_item_environment = {
  /** of this process, in the one group of all; more than the topic has partitions stand by */
  HOT_ITEM_CONSUMERS: z.coerce.number().int().min(1).max(HOT_ITEM_CONSUMERS_MAX).default(3),
  /** whole days before today that events of items are kept */
  HOT_ITEM_RETENTION_DAYS: z.coerce.number().int().min(1).max(HOT_ITEM_RETENTION_DAYS_MAX).default(7),
}
