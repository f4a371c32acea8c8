-- wrk.lua - posts the lines of a file in turn, and prints what was measured as "name value" pairs. Arguments: PATH,
-- FILE.
local requests, turn = {}, 0

function init(arguments)
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    for body in io.lines(arguments[2]) do
        requests[#requests + 1] = wrk.format(nil, arguments[1], nil, body)
    end
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("requests %d failed %d seconds %.6f median_us %.3f p99_us %.3f\n", summary.requests, failed,
        summary.duration / 1e6, latency:percentile(50), latency:percentile(99)))
end
