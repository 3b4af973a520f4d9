package proxytest

import "time"

// Toxic is something bad that happens to data on its way. It is made by the functions below, and for both directions unless it is restricted to one.
type Toxic struct {
	kind       string
	attributes map[string]int64
	directions []string
}

const (
	towardsUpstream   = "upstream"
	towardsDownstream = "downstream"
)

func newToxic(kind string, attributes map[string]int64) Toxic {
	return Toxic{kind, attributes, []string{towardsUpstream, towardsDownstream}}
}

// Latency delays data by delay, give or take jitter.
func Latency(delay, jitter time.Duration) Toxic {
	return newToxic("latency", map[string]int64{"latency": delay.Milliseconds(), "jitter": jitter.Milliseconds()})
}

// Bandwidth lets a number of kilobytes through in a second, for each connection and direction.
func Bandwidth(kilobytes int64) Toxic {
	return newToxic("bandwidth", map[string]int64{"rate": kilobytes})
}

// Slicer cuts data into pieces of about size bytes, more or less by variation, which must be less than size, with a pause behind each.
func Slicer(size, variation int64, pause time.Duration) Toxic {
	return newToxic("slicer", map[string]int64{"average_size": size, "size_variation": variation, "delay": pause.Microseconds()})
}

// SlowClose delays the end of a connection.
func SlowClose(delay time.Duration) Toxic {
	return newToxic("slow_close", map[string]int64{"delay": delay.Milliseconds()})
}

// LimitData ends a connection after so many bytes, in mid-message.
func LimitData(bytes int64) Toxic { return newToxic(kindLimit, map[string]int64{"bytes": bytes}) }

// ResetPeer ends a connection by a TCP reset, so long after data was seen on it, which is lost.
func ResetPeer(after time.Duration) Toxic {
	return newToxic(kindReset, map[string]int64{"timeout": after.Milliseconds()})
}

// Timeout loses all data, and ends a connection on which none came for so long; 0 means that it stays open until Remove ends it.
func Timeout(silence time.Duration) Toxic {
	return newToxic(kindTimeout, map[string]int64{"timeout": silence.Milliseconds()})
}

// Upstream is the toxic for what the client sends alone.
func (t Toxic) Upstream() Toxic { t.directions = []string{towardsUpstream}; return t }

// Downstream is the toxic for what the client receives alone.
func (t Toxic) Downstream() Toxic { t.directions = []string{towardsDownstream}; return t }
