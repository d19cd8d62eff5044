// Intents straight from their Redis streams: where there is no Kafka.
import type { IntentSource, Settling } from './settling'
import { StreamReader, type StreamReaderParts } from './stream-reader'

export class StreamSource implements IntentSource {
  private readonly reader: StreamReader

  constructor(settling: Settling, parts: Omit<StreamReaderParts, 'name' | 'spared' | 'handle'>) {
    // where there was a Kafka before, what it has not passed on is taken over too
    this.reader = new StreamReader({ ...parts, name: 'settler', spared: [], handle: (read) => settling.settle(read) })
  }

  start(): void {
    this.reader.start()
  }

  stop(): Promise<void> {
    return this.reader.stop()
  }
}
