package eventstore

import "fmt"

// ExpectedVersion is what the caller of an append believes of the stream: [Any], [NoStream], [StreamExists] or [Exactly]. The zero
// value is NoStream.
type ExpectedVersion int64

const (
	// NoStream expects that the stream has no event yet.
	NoStream ExpectedVersion = 0
	// Any expects nothing; on a busy stream the append waits its turn instead of failing.
	Any ExpectedVersion = -1
	// StreamExists expects at least one event.
	StreamExists ExpectedVersion = -2
)

// Exactly expects the stream to be at version n, that of its last event. Exactly(0) is [NoStream].
func Exactly(n int64) ExpectedVersion { return ExpectedVersion(n) }

// String names the expectation, as in "version 3".
func (v ExpectedVersion) String() string {
	switch v {
	case NoStream:
		return "no stream"
	case Any:
		return "any version"
	case StreamExists:
		return "a stream that exists"
	}
	return fmt.Sprintf("version %d", int64(v))
}

func (v ExpectedVersion) valid() bool { return v >= StreamExists }
