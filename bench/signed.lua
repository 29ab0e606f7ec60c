-- Load for wrk: posts the lines of a file, each once, and counts the answers that had another status than 201.
--
--     wrk -t1 -c32 -d3s -s signed.lua http://127.0.0.1:5000/api/v1/tx -- FILE
--
-- The last line of the output is one JSON object. `ran_out` says that there were not enough lines. It counts on one thread (-t1) only.

local thread_of_wrk
local heads = {}
local lines

function setup(thread)
   thread_of_wrk = thread
end

function init(arguments)
   wrong_status = 0
   ran_out = 0
   lines = io.lines(arguments[1])
end

-- One head for each length of a body.
function head_for(length)
   if not heads[length] then
      local whole = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, string.rep(" ", length))
      heads[length] = whole:gsub(" +$", "")
   end
   return heads[length]
end

function request()
   local line = lines and lines()
   if not line then
      lines = nil
      ran_out = 1
      return head_for(1) .. "0"
   end
   return head_for(#line) .. line
end

function response(status)
   if status ~= 201 then
      wrong_status = wrong_status + 1
   end
end

function done(summary)
   local errors = summary.errors
   io.write(string.format('{"answers": %d, "microseconds": %d, "wrong_status": %d, "ran_out": %d, "socket_errors": %d}\n',
      summary.requests, summary.duration, thread_of_wrk:get("wrong_status"), thread_of_wrk:get("ran_out"),
      errors.connect + errors.read + errors.write + errors.timeout))
end
