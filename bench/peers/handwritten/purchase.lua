-- The purchase as one would write it by hand for nginx: parse, one EVALSHA on a pooled connection, answer.
--
-- All that can be known before the first request is done at load: the script's hash, the names of the keys.
local cjson = require "cjson.safe"
local found, redis = pcall(require, "resty.redis")
if not found then redis = require "nginx.redis" end -- Debian's name for lua-resty-redis

local bit = require "bit"
local band, rshift = bit.band, bit.rshift
local byte, char, find, sub = string.byte, string.char, string.find, string.sub
local floor = math.floor
local ngx_var, ngx_req, ngx_header, ngx_print = ngx.var, ngx.req, ngx.header, ngx.print

local REDIS_HOST = "127.0.0.1"
local REDIS_PORT = tonumber(os.getenv("PEER_REDIS_PORT"))
local REDIS_TIMEOUT_MS = 2000
local POOL_SIZE = 256          -- at least the requests in flight: no connection is opened in the steady state
local POOL_IDLE_MS = 60000
local QUANTITY_MAX = 100

local script_file = assert(io.open(os.getenv("PEER_SCRIPT")))
local SCRIPT = script_file:read("*a")
script_file:close()
local SCRIPT_SHA = (string.gsub(ngx.sha1_bin(SCRIPT), ".", function(c) return string.format("%02x", string.byte(c)) end))

local SALE = os.getenv("PEER_SALE")
local SKU = os.getenv("PEER_SKU")
local EPOCH = os.getenv("PEER_EPOCH")
local SHARD = "rg1:{" .. SALE .. ".0}:"
local META, INTENTS, BUYERS = SHARD .. "meta", SHARD .. "intents", SHARD .. "buyers"
local RESERVATIONS, SESSIONS, FREE = SHARD .. "reservations", SHARD .. "sessions", SHARD .. "free:" .. SKU
local SPENT = SHARD .. "spent"
local SPENDS = os.getenv("PEER_SPENDS") == "1"

local STATUS_OF = {
  replay = 202, sold_out = 410, all_held = 409, not_enough_left = 409, limit_reached = 409, key_reused = 422,
  not_open = 425, ended = 410, paused = 409, session_replaced = 409, rebuilding = 503,
}

local function answer(status, body)
  ngx.status = status
  ngx_header["Content-Length"] = #body
  ngx_print(body)
end

local function refuse(status, code)
  answer(status, '{"code":"' .. code .. '"}')
end

local function u32(value)
  return char(band(rshift(value, 24), 255), band(rshift(value, 16), 255), band(rshift(value, 8), 255), band(value, 255))
end

-- body c22, index of the SKU B, quantity H, session generation I4, user Hc0: contract/lane-scripts.ts
local function packItem(key, quantity, generation, user)
  return key .. char(1, rshift(quantity, 8), band(quantity, 255)) .. u32(generation)
    .. char(rshift(#user, 8), band(#user, 255)) .. user
end

-- "Bearer s1.<key id>.<user>.<generation>.…": user and generation, unchecked
local function buyerOf(authorization)
  if not authorization or sub(authorization, 1, 10) ~= "Bearer s1." then return nil end
  local key_end = find(authorization, ".", 11, true)
  local user_end = key_end and find(authorization, ".", key_end + 1, true)
  local generation_end = user_end and find(authorization, ".", user_end + 1, true)
  if not generation_end then return nil end
  return sub(authorization, key_end + 1, user_end - 1), tonumber(sub(authorization, user_end + 1, generation_end - 1))
end

-- "p1.<key id>.<sale>.<user>.<pass id>.…", unchecked: what the first item spends, as contract/lane-scripts.ts packs it
local function spendOf(pass)
  local key_end = pass and find(pass, ".", 4, true)
  local sale_end = key_end and find(pass, ".", key_end + 1, true)
  local user_end = sale_end and find(pass, ".", sale_end + 1, true)
  if not user_end or byte(pass, user_end + 23) ~= 46 then return nil end
  return "\0\1\23p" .. sub(pass, user_end + 1, user_end + 22)
end

local function callScript(connection, command, script, items, spends)
  if spends then
    return connection[command](connection, script, 7, META, INTENTS, BUYERS, RESERVATIONS, SESSIONS, FREE, SPENT,
      "1", EPOCH, SKU, items, spends)
  end
  return connection[command](connection, script, 6, META, INTENTS, BUYERS, RESERVATIONS, SESSIONS, FREE,
    "1", EPOCH, SKU, items)
end

local function runScript(items, spends)
  local connection = redis:new()
  connection:set_timeout(REDIS_TIMEOUT_MS)
  local connected, connect_error = connection:connect(REDIS_HOST, REDIS_PORT)
  if not connected then return nil, connect_error end
  local reply, reply_error = callScript(connection, "evalsha", SCRIPT_SHA, items, spends)
  if not reply and reply_error and find(reply_error, "NOSCRIPT", 1, true) then
    reply, reply_error = callScript(connection, "eval", SCRIPT, items, spends)
  end
  if not reply then
    connection:close()
    return nil, reply_error
  end
  connection:set_keepalive(POOL_IDLE_MS, POOL_SIZE)
  return reply
end

local M = {}

function M.purchase(sale)
  if ngx_req.get_method() ~= "POST" then return refuse(405, "method_not_allowed") end
  if sale ~= SALE then return refuse(404, "not_found") end
  ngx_req.read_body()
  local order = cjson.decode(ngx_req.get_body_data() or "")
  if type(order) ~= "table" then return refuse(400, "bad_request") end
  local quantity = order.quantity
  if type(quantity) ~= "number" or quantity < 1 or quantity > QUANTITY_MAX or floor(quantity) ~= quantity then
    return refuse(400, "bad_request")
  end
  if order.sku ~= SKU then return refuse(404, "not_found") end
  local key = ngx_var.http_idempotency_key
  if not key or #key ~= 22 then return refuse(400, "bad_request") end
  local user, generation = buyerOf(ngx_var.http_authorization)
  if not user or not generation then return refuse(401, "no_session") end

  local spends
  if SPENDS then
    spends = spendOf(ngx_var.http_x_rush_pass)
    if not spends then return refuse(403, "pass_required") end
  end

  local reply, failure = runScript(packItem(key, quantity, generation, user), spends)
  if not reply then
    ngx.log(ngx.ERR, "redis: ", failure)
    return refuse(503, "unavailable")
  end
  -- "<batch> <now> <state> <version>", "<free> <unpaid>", "<body> <code> [<rest>]"
  local head_end = find(reply, "\n", 1, true)
  local stock_end = head_end and find(reply, "\n", head_end + 1, true)
  if not stock_end then return refuse(503, "rebuilding") end
  local code_at = stock_end + 24
  local code_end = find(reply, " ", code_at, true) or #reply + 1
  local code = sub(reply, code_at, code_end - 1)
  if code ~= "held" then return refuse(STATUS_OF[code] or 400, code) end
  local units_end = find(reply, " ", code_end + 1, true)
  answer(202, '{"reservation":"' .. key .. '","status":"held","units":[' .. sub(reply, code_end + 1, units_end - 1)
    .. '],"poll":"/reservations/' .. key .. '","poll_after_ms":3000}')
end

return M
