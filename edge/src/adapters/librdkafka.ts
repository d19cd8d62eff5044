// librdkafka (Debian: librdkafka1) by LuaJIT's FFI: as much of it as a producer needs.
//
// Nothing of it ever calls back into Lua: delivery reports, errors and log lines are events, which are polled (set_events).
import * as ffi from 'ffi'

const LIBRARY = 'librdkafka.so.1'

// names of our own, as in crypto.ts
ffi.cdef(`
  typedef struct rushgate_kafka_message {
    int failure; void *topic; int32_t partition; void *payload; size_t bytes; void *key; size_t key_bytes; int64_t offset;
    void *opaque;
  } rushgate_kafka_message;
  void *rushgate_kafka_conf_new(void) __asm__("rd_kafka_conf_new");
  void rushgate_kafka_conf_destroy(void *conf) __asm__("rd_kafka_conf_destroy");
  int rushgate_kafka_conf_set(void *conf, const char *name, const char *value, char *problem, size_t problem_bytes) __asm__("rd_kafka_conf_set");
  void rushgate_kafka_conf_set_events(void *conf, int events) __asm__("rd_kafka_conf_set_events");
  void *rushgate_kafka_new(int type, void *conf, char *problem, size_t problem_bytes) __asm__("rd_kafka_new");
  void rushgate_kafka_destroy(void *client) __asm__("rd_kafka_destroy");
  int rushgate_kafka_set_log_queue(void *client, void *queue) __asm__("rd_kafka_set_log_queue");
  void *rushgate_kafka_topic_new(void *client, const char *topic, void *conf) __asm__("rd_kafka_topic_new");
  void rushgate_kafka_topic_destroy(void *topic) __asm__("rd_kafka_topic_destroy");
  int rushgate_kafka_produce(void *topic, int32_t partition, int flags, const char *payload, size_t bytes, const void *key, size_t key_bytes, void *opaque) __asm__("rd_kafka_produce");
  int rushgate_kafka_last_error(void) __asm__("rd_kafka_last_error");
  const char *rushgate_kafka_error_text(int failure) __asm__("rd_kafka_err2str");
  int rushgate_kafka_fatal_error(void *client, char *problem, size_t problem_bytes) __asm__("rd_kafka_fatal_error");
  int rushgate_kafka_purge(void *client, int flags) __asm__("rd_kafka_purge");
  int rushgate_kafka_flush(void *client, int wait_ms) __asm__("rd_kafka_flush");
  void *rushgate_kafka_queue(void *client) __asm__("rd_kafka_queue_get_main");
  void rushgate_kafka_queue_destroy(void *queue) __asm__("rd_kafka_queue_destroy");
  void *rushgate_kafka_poll(void *queue, int wait_ms) __asm__("rd_kafka_queue_poll");
  int rushgate_kafka_event_type(void *event) __asm__("rd_kafka_event_type");
  const rushgate_kafka_message *rushgate_kafka_event_message(void *event) __asm__("rd_kafka_event_message_next");
  int rushgate_kafka_message_status(const rushgate_kafka_message *message) __asm__("rd_kafka_message_status");
  const char *rushgate_kafka_event_text(void *event) __asm__("rd_kafka_event_error_string");
  int rushgate_kafka_event_log(void *event, const char **facility, const char **text, int *level) __asm__("rd_kafka_event_log");
  void rushgate_kafka_event_destroy(void *event) __asm__("rd_kafka_event_destroy");
`)

export const DELIVERIES = 0x1
export const LOG = 0x4
export const ERROR = 0x8
export const PRODUCER = 0
export const ANY_PARTITION = -1
/** the message is copied before the call returns */
export const COPY = 2
/** purge: what waits, and what is on its way */
export const ALL_MESSAGES = 3

export const OK = 0
export const QUEUE_FULL = -184
export const TIMED_OUT = -192
export const FATAL = -150
export const PURGED_QUEUE = -152
export const PURGED_IN_FLIGHT = -151

/** @noSelf */
export interface Message extends ffi.CData {
  failure: number
}

/** @noSelf */
export interface LibRdKafka {
  rushgate_kafka_conf_new: () => ffi.CData
  rushgate_kafka_conf_destroy: (conf: ffi.CData) => void
  rushgate_kafka_conf_set: (conf: ffi.CData, name: string, value: string, problem: ffi.CData, bytes: number) => number
  rushgate_kafka_conf_set_events: (conf: ffi.CData, events: number) => void
  rushgate_kafka_new: (type: number, conf: ffi.CData, problem: ffi.CData, bytes: number) => ffi.CData
  rushgate_kafka_destroy: (client: ffi.CData) => void
  rushgate_kafka_set_log_queue: (client: ffi.CData, queue: undefined) => number
  rushgate_kafka_topic_new: (client: ffi.CData, topic: string, conf: undefined) => ffi.CData
  rushgate_kafka_topic_destroy: (topic: ffi.CData) => void
  rushgate_kafka_produce: (
    topic: ffi.CData,
    partition: number,
    flags: number,
    payload: ffi.CData,
    bytes: number,
    key: undefined,
    key_bytes: number,
    opaque: undefined,
  ) => number
  rushgate_kafka_last_error: () => number
  rushgate_kafka_error_text: (failure: number) => ffi.CData
  rushgate_kafka_fatal_error: (client: ffi.CData, problem: ffi.CData, bytes: number) => number
  rushgate_kafka_purge: (client: ffi.CData, flags: number) => number
  rushgate_kafka_flush: (client: ffi.CData, wait_ms: number) => number
  rushgate_kafka_queue: (client: ffi.CData) => ffi.CData
  rushgate_kafka_queue_destroy: (queue: ffi.CData) => void
  rushgate_kafka_poll: (queue: ffi.CData, wait_ms: number) => ffi.CData
  rushgate_kafka_event_type: (event: ffi.CData) => number
  rushgate_kafka_event_message: (event: ffi.CData) => Message
  rushgate_kafka_message_status: (message: Message) => number
  rushgate_kafka_event_text: (event: ffi.CData) => ffi.CData
  rushgate_kafka_event_log: (event: ffi.CData, facility: ffi.CData, text: ffi.CData, level: ffi.CData) => number
  rushgate_kafka_event_destroy: (event: ffi.CData) => void
}

let loaded: LibRdKafka | undefined

/** Raises with what to install. */
export function librdkafka(): LibRdKafka {
  if (loaded === undefined) {
    const [ok, library] = pcall(ffi.load<LibRdKafka>, LIBRARY)
    if (!ok) {
      error(
        'KAFKA_BROKERS is set, but ' +
          LIBRARY +
          ' cannot be loaded (' +
          tostring(library) +
          '). Install it (Debian: apt-get install librdkafka1), or unset KAFKA_BROKERS: then events go to the Redis of REDIS_VOLATILE_URL.',
        0,
      )
    }
    loaded = library as LibRdKafka
  }
  return loaded
}

/** NULL is nil in a comparison, and nowhere else. */
export function isNull(pointer: ffi.CData | undefined): boolean {
  return pointer === undefined
}
