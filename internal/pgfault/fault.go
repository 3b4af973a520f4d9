package pgfault

import "fmt"

// Mode says on which side of a round trip the connection breaks. In neither case is the client told which it was: its data was
// taken by the network, and there is no answer.
type Mode int

// The two sides.
const (
	Before Mode = iota // nothing of the trip has reached the server, and all before it has
	After              // the server has done what the trip asks for, and its answer is lost
)

// Modes are both sides, for a test that goes through them.
func Modes() []Mode { return []Mode{Before, After} }

// String returns before or after.
func (m Mode) String() string {
	if m == After {
		return "after"
	}
	return "before"
}

// Fault breaks the connection on which a round trip is made.
type Fault struct {
	Trip int  // which one, from 1; above the last one it never strikes
	Mode Mode // on which side of it

	// Kill, if it is given, is called when the fault strikes, ahead of the connection's end. As a rule it does not return, since it kills the process.
	Kill func() `json:"-"`
}

// String is as in "after trip 7".
func (f Fault) String() string { return fmt.Sprintf("%s trip %d", f.Mode, f.Trip) }
