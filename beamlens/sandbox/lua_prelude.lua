-- What a sandboxed program sees, and the bridge that carries data in and out of it.
--
-- Run once in each new Lua state, before any user code. Only numbers and strings cross to the outside:
-- values are packed as msgpack here, in Lua, under the memory limit, so that no object of the host ever
-- enters the state and no table of the state ever leaves it. Everything that is used after user code ran
-- is held in a local: user code may replace whatever it sees.

local ask_host = ...
local sethook, getinfo = debug.sethook, debug.getinfo
local load, pcall, error, type, next, select, tostring, rawequal =
  load, pcall, error, type, next, select, tostring, rawequal
local tonumber, ipairs = tonumber, ipairs
local char, byte, sub, find, format = string.char, string.byte, string.sub, string.find, string.format
local gsub, rep, spack, sunpack = string.gsub, string.rep, string.pack, string.unpack
local concat, tpack, tunpack = table.concat, table.pack, table.unpack
local mathtype, randomseed, huge = math.type, math.randomseed, math.huge
local string_metatable = getmetatable("")

-- Packing ------------------------------------------------------------------------------------------

local TOO_LARGE, TOO_DEEP, CYCLE, UNFIT, BAD_KEY = {}, {}, {}, {}, {}

local function pack_string(s)
  local n = #s
  if n < 32 then return char(0xa0 + n) .. s end
  if n < 0x100 then return "\xd9" .. spack(">s1", s) end
  if n < 0x10000 then return "\xda" .. spack(">s2", s) end
  return "\xdb" .. spack(">s4", s)
end

local function pack_number(v)
  if mathtype(v) == "integer" then
    if v >= -32 and v < 128 then return spack("b", v) end
    return "\xd3" .. spack(">i8", v)
  end
  if v ~= v then return pack_string("nan") end
  if v == huge then return pack_string("inf") end
  if v == -huge then return pack_string("-inf") end
  return "\xcb" .. spack(">d", v)
end

local function header(n, small, middle, large)
  if n < 16 then return char(small + n) end
  if n < 0x10000 then return middle .. spack(">I2", n) end
  return large .. spack(">I4", n)
end

local function key_text(key)
  local kind = type(key)
  if kind == "string" then return key end
  if kind == "number" then return tostring(key) end
  if kind == "boolean" then return key and "true" or "false" end
  error(BAD_KEY, 0)
end

-- One packer for the state: nothing that it calls can call it again, since there are no metatables.
local out, count, size, above, most_bytes, most_depth, lenient = {}, 0, 0, {}, 0, 0, false
local pack

-- `lenient`: leave out what is no data; otherwise a nested function becomes a text.
local function begin_packing(bytes, depth, leave_out)
  out, count, size, above = {}, 0, 0, {}
  most_bytes, most_depth, lenient = bytes, depth, leave_out
end

local function put(text)
  size = size + #text
  if size > most_bytes then error(TOO_LARGE, 0) end
  count = count + 1
  out[count] = text
end

local function packed() return concat(out, "", 1, count) end

local function is_left_out(v)
  if not lenient then return false end
  local kind = type(v)
  return kind == "function" or kind == "userdata" or kind == "thread"
end

local function measure(t)
  local entries, first = 0, 0
  for _, v in next, t do
    if not is_left_out(v) then entries = entries + 1 end
    if size + entries > most_bytes then error(TOO_LARGE, 0) end
  end
  while first < entries and t[first + 1] ~= nil and not is_left_out(t[first + 1]) do first = first + 1 end
  return entries, first == entries
end

local function pack_table(t, depth)
  if above[t] then error(CYCLE, 0) end
  if depth >= most_depth then error(TOO_DEEP, 0) end
  above[t] = true
  local entries, is_list = measure(t)
  if is_list then
    put(header(entries, 0x90, "\xdc", "\xdd"))
    for i = 1, entries do pack(t[i], depth + 1) end
  else
    put(header(entries, 0x80, "\xde", "\xdf"))
    for key, v in next, t do
      if not is_left_out(v) then
        put(pack_string(key_text(key)))
        pack(v, depth + 1)
      end
    end
  end
  above[t] = nil
end

function pack(v, depth)
  local kind = type(v)
  if kind == "string" then
    put(pack_string(v))
  elseif kind == "number" then
    put(pack_number(v))
  elseif kind == "nil" then
    put("\xc0")
  elseif kind == "boolean" then
    put(v and "\xc3" or "\xc2")
  elseif kind == "table" then
    pack_table(v, depth)
  elseif depth == 0 then
    error(UNFIT, 0)
  else
    put(pack_string("<" .. kind .. ">"))
  end
end

-- Unpacking: what the host sent; it is trusted to be well formed -----------------------------------

local data, at = "", 1
local take

local function number(fmt)
  local v
  v, at = sunpack(fmt, data, at)
  return v
end

local function text(n)
  local from = at
  at = at + n
  return sub(data, from, at - 1)
end

local function list(n)
  local t = {}
  for i = 1, n do t[i] = take() end
  return t
end

local function map(n)
  local t = {}
  for _ = 1, n do
    local key = take()
    t[key] = take()
  end
  return t
end

local readers = {
  [0xc0] = function() return nil end,
  [0xc2] = function() return false end,
  [0xc3] = function() return true end,
  [0xca] = function() return number(">f") end,
  [0xcb] = function() return number(">d") end,
  [0xcc] = function() return number("B") end,
  [0xcd] = function() return number(">I2") end,
  [0xce] = function() return number(">I4") end,
  [0xcf] = function() return number(">i8") end,
  [0xd0] = function() return number("b") end,
  [0xd1] = function() return number(">i2") end,
  [0xd2] = function() return number(">i4") end,
  [0xd3] = function() return number(">i8") end,
  [0xd9] = function() return text(number("B")) end,
  [0xda] = function() return text(number(">I2")) end,
  [0xdb] = function() return text(number(">I4")) end,
  [0xdc] = function() return list(number(">I2")) end,
  [0xdd] = function() return list(number(">I4")) end,
  [0xde] = function() return map(number(">I2")) end,
  [0xdf] = function() return map(number(">I4")) end,
}

function take()
  local head = byte(data, at)
  at = at + 1
  if head < 0x80 then return head end
  if head >= 0xe0 then return head - 0x100 end
  if head >= 0xa0 and head < 0xc0 then return text(head - 0xa0) end
  if head < 0x90 then return map(head - 0x80) end
  if head < 0xa0 then return list(head - 0x90) end
  return readers[head]()
end

local function unpack_value(bytes)
  data, at = bytes, 1
  return take()
end

-- What user code sees ------------------------------------------------------------------------------

local LONGEST_REPEAT = 1048576

local function safe_rep(s, n, separator)
  s, n, separator = tostring(s), tonumber(n) or n, separator or ""
  local each = #s + #separator
  if each == 0 then return "" end
  if type(n) == "number" and n * each > LONGEST_REPEAT then error("resulting string too large", 2) end
  return rep(s, n, separator)
end

-- Without the address that Lua would show.
local function safe_tostring(...)
  local v = ...
  local kind = type(v)
  if kind == "table" or kind == "function" then return kind end
  return tostring(...)
end

local function safe_format(fmt, ...)
  local arguments = tpack(...)
  for i = 1, arguments.n do
    local kind = type(arguments[i])
    if kind == "table" or kind == "function" then arguments[i] = kind end
  end
  if type(fmt) == "string" and find(gsub(fmt, "%%%%", ""), "%%[^%a]*p") then
    error("invalid conversion '%p' to 'format'", 2)
  end
  return format(fmt, tunpack(arguments, 1, arguments.n))
end

-- The state is used once: its libraries can be handed out as they are.
string.dump, string.rep, string.format = nil, safe_rep, safe_format
string_metatable.__index, string_metatable.__metatable = string, false

local env = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall,
  rawequal = rawequal, rawget = rawget, rawlen = rawlen, rawset = rawset, select = select,
  tonumber = tonumber, tostring = safe_tostring, type = type,
  string = string, table = table, math = math, utf8 = utf8,
  os = { time = os.time, date = os.date, clock = os.clock },
  _VERSION = "Lua 5.4",
}
env._G = env
local builtin = {}
for key in next, env do builtin[key] = true end

-- Callbacks ----------------------------------------------------------------------------------------

local REASONS = {
  [TOO_LARGE] = "is too large", [TOO_DEEP] = "is nested too deeply", [CYCLE] = "contains itself",
  [UNFIT] = "is a function; pass data", [BAD_KEY] = "has a key that is neither text nor number",
}

local function pack_arguments(name, ...)
  local n = select("#", ...)
  put("\x92")
  put(pack_string(name))
  put(header(n, 0x90, "\xdc", "\xdd"))
  for i = 1, n do
    local argument = select(i, ...)
    local ok, why = pcall(pack, argument, 0)
    if not ok then error(REASONS[why] and "argument " .. i .. " of " .. name .. " " .. REASONS[why] or why, 3) end
  end
  return packed()
end

local function stub(name, argument_bytes, depth)
  return function(...)
    begin_packing(argument_bytes, depth, false)
    local reply = unpack_value(ask_host(pack_arguments(name, ...)))
    if reply[1] then return reply[2] end
    return nil, reply[2]
  end
end

local tools = {}

local function add_callback(name, argument_bytes, depth)
  local dot = find(name, ".", 1, true)
  if not dot then
    env[name], builtin[name] = stub(name, argument_bytes, depth), true
    return
  end
  -- A tool is a table of its own: one that is named as a library does not mix with it.
  local tool = sub(name, 1, dot - 1)
  if not tools[tool] then tools[tool] = {} end
  env[tool], builtin[tool] = tools[tool], true
  tools[tool][sub(name, dot + 1)] = stub(name, argument_bytes, depth)
end

-- One evaluation -----------------------------------------------------------------------------------

local HOOK_EVERY = 1000
local exceeded, run = false, nil

local function limit_instructions(budget)
  local used = 0
  local function hook()
    used = used + HOOK_EVERY
    if exceeded and getinfo(2, "f").func == run then
      sethook()
    elseif exceeded or used > budget then
      -- Each further instruction raises as well, so that no pcall can go on.
      exceeded = true
      sethook(hook, "", 1)
      error("instruction budget exceeded", 0)
    end
  end
  sethook(hook, "", HOOK_EVERY)
end

local function compile(code)
  local chunk = load("return " .. code, "=line", "t", env)
  if chunk then return chunk end
  return load(code, "=line", "t", env)
end

local PACKING = {
  [TOO_LARGE] = "result_too_large", [TOO_DEEP] = "result_too_deep", [CYCLE] = "result_cycle",
  [UNFIT] = "result_unfit", [BAD_KEY] = "result_key",
}

local function pack_results(results)
  local n = results.n - 1
  if n == 1 then
    pack(results[2], 0)
  elseif n == 0 then
    put("\xc0")
  else
    put(header(n, 0x90, "\xdc", "\xdd"))
    for i = 2, results.n do pack(results[i], 1) end
  end
  return packed()
end

local function pack_error(value, bytes, depth)
  if type(value) == "string" then return pack_string(sub(value, 1, bytes)) end
  begin_packing(bytes, depth, true)
  return pcall(pack, value, 1) and packed() or pack_string("an error value of type " .. type(value))
end

local function pack_globals(bytes, depth)
  local total, kept, entries = 0, {}, 0
  for key, value in next, env do
    if type(key) == "string" and not builtin[key] and type(value) ~= "function" then
      begin_packing(bytes, depth, true)
      local ok, why = pcall(pack, value, 0)
      if ok then
        local entry = pack_string(key) .. packed()
        total, entries = total + #entry, entries + 1
        if total > bytes then error(TOO_LARGE, 0) end
        kept[entries] = entry
      elseif rawequal(why, TOO_LARGE) or not REASONS[why] then
        error(why, 0)
      end
    end
  end
  return header(entries, 0x80, "\xde", "\xdf") .. concat(kept)
end

local function prepare(names, bindings, argument_bytes, depth)
  if bindings then
    for key, value in next, unpack_value(bindings) do
      if not builtin[key] then env[key] = value end
    end
  end
  if names then
    for _, name in ipairs(unpack_value(names)) do add_callback(name, argument_bytes, depth) end
  end
end

-- Return what happened, a packed value that belongs to it, and the packed globals where they are wanted.
function run(
  code, names, bindings, instructions, argument_bytes, result_bytes, error_bytes, bindings_bytes, depth, kept, seed
)
  randomseed(seed)
  prepare(names, bindings, argument_bytes, depth)
  local chunk, why = compile(code)
  if not chunk then return "syntax", pack_error(why, error_bytes, depth) end
  limit_instructions(instructions)
  local results = tpack(pcall(chunk))
  sethook()
  if exceeded then return "instructions", "\xc0" end
  if not results[1] then
    if results[2] == "not enough memory" then return "memory", "\xc0" end
    return "runtime", pack_error(results[2], error_bytes, depth)
  end
  begin_packing(result_bytes, depth, false)
  local ok, value = pcall(pack_results, results)
  if not ok then return PACKING[value] or "memory", "\xc0" end
  if not kept then return "ok", value end
  local kept_ok, globals = pcall(pack_globals, bindings_bytes, depth)
  if not kept_ok then return rawequal(globals, TOO_LARGE) and "bindings_too_large" or "memory", "\xc0" end
  return "ok", value, globals
end

return run
