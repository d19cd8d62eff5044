/** @noSelfInFile */
// Constants of the global `ngx`.

declare namespace ngx {
  interface Constants {
    readonly null: Null

    /** 0: ends the current phase when given to `ngx.exit` */
    readonly OK: number
    readonly ERROR: number
    readonly AGAIN: number
    readonly DONE: number
    readonly DECLINED: number

    /** goes to standard error, always */
    readonly STDERR: LogLevel
    readonly EMERG: LogLevel
    readonly ALERT: LogLevel
    readonly CRIT: LogLevel
    readonly ERR: LogLevel
    readonly WARN: LogLevel
    readonly NOTICE: LogLevel
    readonly INFO: LogLevel
    readonly DEBUG: LogLevel

    readonly HTTP_GET: number
    readonly HTTP_HEAD: number
    readonly HTTP_PUT: number
    readonly HTTP_POST: number
    readonly HTTP_DELETE: number
    readonly HTTP_OPTIONS: number
    readonly HTTP_PATCH: number

    readonly HTTP_CONTINUE: number
    readonly HTTP_SWITCHING_PROTOCOLS: number
    readonly HTTP_OK: number
    readonly HTTP_CREATED: number
    readonly HTTP_ACCEPTED: number
    readonly HTTP_NO_CONTENT: number
    readonly HTTP_PARTIAL_CONTENT: number
    readonly HTTP_SPECIAL_RESPONSE: number
    readonly HTTP_MOVED_PERMANENTLY: number
    readonly HTTP_MOVED_TEMPORARILY: number
    readonly HTTP_SEE_OTHER: number
    readonly HTTP_NOT_MODIFIED: number
    readonly HTTP_TEMPORARY_REDIRECT: number
    readonly HTTP_PERMANENT_REDIRECT: number
    readonly HTTP_BAD_REQUEST: number
    readonly HTTP_UNAUTHORIZED: number
    readonly HTTP_PAYMENT_REQUIRED: number
    readonly HTTP_FORBIDDEN: number
    readonly HTTP_NOT_FOUND: number
    readonly HTTP_NOT_ALLOWED: number
    readonly HTTP_NOT_ACCEPTABLE: number
    readonly HTTP_REQUEST_TIMEOUT: number
    readonly HTTP_CONFLICT: number
    readonly HTTP_GONE: number
    readonly HTTP_UPGRADE_REQUIRED: number
    readonly HTTP_TOO_MANY_REQUESTS: number
    readonly HTTP_CLOSE: number
    readonly HTTP_ILLEGAL: number
    readonly HTTP_INTERNAL_SERVER_ERROR: number
    readonly HTTP_METHOD_NOT_IMPLEMENTED: number
    readonly HTTP_BAD_GATEWAY: number
    readonly HTTP_SERVICE_UNAVAILABLE: number
    readonly HTTP_GATEWAY_TIMEOUT: number
    readonly HTTP_VERSION_NOT_SUPPORTED: number
    readonly HTTP_INSUFFICIENT_STORAGE: number
  }
}
