-- Load for wrk: a loop of POST /transactions/new or of GET /mine, and how many answers had the wrong status.
--
--     wrk -t1 -c32 -d3s -s load.lua http://127.0.0.1:5000/transactions/new -- 201
--
-- The argument is the status that every answer has to have; with 201 each request posts a transaction of its own, otherwise it is
-- a GET of the address. The last line of the output is one JSON object. It counts on one thread (-t1) only.

local thread_of_wrk

function setup(thread)
   thread_of_wrk = thread
end

local posted = 0
local head

function init(arguments)
   expected_status = tonumber(arguments[1])
   wrong_status = 0
   if expected_status == 201 then
      -- Nine digits for the amount: all bodies are of one length, and so the head is the same for all.
      head = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, string.rep(" ", #transaction(0)))
      head = head:gsub(" +$", "")
   end
end

function transaction(number)
   return string.format(
      '{"sender": "d4ee26eee15148ee92c6cd394edd974e", "recipient": "8f0d1a6c2b7e4935a1c0e5f7b3d92846", "amount": %d}',
      100000000 + number)
end

function request()
   if not head then
      return wrk.request()
   end
   posted = posted + 1
   return head .. transaction(posted)
end

function response(status)
   if status ~= expected_status then
      wrong_status = wrong_status + 1
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"answers": %d, "microseconds": %d, "wrong_status": %d, "socket_errors": %d, "median_microseconds": %d, "p99_microseconds": %d}\n',
      summary.requests, summary.duration, thread_of_wrk:get("wrong_status"),
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
