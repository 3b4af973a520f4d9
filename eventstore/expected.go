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

	belowZero ExpectedVersion = -3
)

// Exactly expects the stream to be at version n, that of its last event. Exactly(0) is [NoStream]. Below zero it is refused by Append: it is
// not taken for [Any].
func Exactly(n int64) ExpectedVersion {
	if n < 0 {
		return belowZero
	}
	return ExpectedVersion(n)
}

// String names the expectation, as in "version 3".
func (v ExpectedVersion) String() string {
	switch {
	case v == NoStream:
		return "no stream"
	case v == Any:
		return "any version"
	case v == StreamExists:
		return "a stream that exists"
	case !v.valid():
		return "below zero"
	}
	return fmt.Sprintf("version %d", int64(v))
}

func (v ExpectedVersion) valid() bool { return v >= StreamExists }
