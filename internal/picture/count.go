package picture

import "strconv"

// Count is a number of things, of which there may be more than anybody counts.
type Count struct {
	N       int64 `json:"n"`
	AtLeast bool  `json:"at_least,omitempty"` // nobody has counted further
}

// String is as in 12, or 10000+.
func (c Count) String() string {
	text := strconv.FormatInt(c.N, 10)
	if c.AtLeast {
		text += "+"
	}
	return text
}

// countOf is a Count of what was counted up to a bound.
func countOf(n, most int64) Count { return Count{N: min(n, most), AtLeast: n > most} }

// plus adds two counts.
func (c Count) plus(other Count) Count {
	return Count{N: c.N + other.N, AtLeast: c.AtLeast || other.AtLeast}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for cut := len(digits) - 3; cut > 0 && digits[cut-1] != '-'; cut -= 3 {
		digits = digits[:cut] + "," + digits[cut:]
	}
	return digits
}

// is, waits and has are words that go with the number: 1 event is, 2 events are.
func (c Count) is() string    { return c.agree("is", "are") }
func (c Count) waits() string { return c.agree("waits", "wait") }
func (c Count) has() string   { return c.agree("has", "have") }

func (c Count) agree(one, many string) string {
	if c.N == 1 && !c.AtLeast {
		return one
	}
	return many
}
