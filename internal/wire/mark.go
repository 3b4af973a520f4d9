package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/contrail-events/contrail"
)

// Why a message stands out of position order: the values of HeaderResent.
const (
	ResentRequeue = "requeue" // the event had been left out, and was never in the stream before
	ResentRepair  = "repair"  // the event was missing from the stream, and may have been in it before
)

// Mark adds the headers of a message that stands out of position order: why, and the position of the last event before it that stands in
// its order, zero if there is none. Whoever reads the stream's end to learn how far it is takes that position instead of the event's.
func Mark(header map[string][]string, resent string, after contrail.Position) {
	header[HeaderResent] = []string{resent}
	header[HeaderAfter] = []string{strconv.FormatInt(int64(after), 10)}
}

// readMark fills in what [Mark] wrote; both headers are there, or none.
func (m *Message) readMark(header map[string][]string) error {
	if !mayBeMarked(header) {
		return nil
	}
	resent, marked := lookUp(header, HeaderResent)
	text, placed := lookUp(header, HeaderAfter)
	switch {
	case !marked && !placed:
		return nil
	case !marked:
		return &ForeignError{Reason: "header " + HeaderAfter + " stands without " + HeaderResent}
	case !placed:
		return &ForeignError{Reason: "header " + HeaderResent + " stands without " + HeaderAfter}
	case resent != ResentRequeue && resent != ResentRepair:
		return &ForeignError{Reason: fmt.Sprintf("header %s is %.40q, neither %s nor %s", HeaderResent, resent, ResentRequeue, ResentRepair)}
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return &ForeignError{Reason: fmt.Sprintf("header %s is %.40q, which is no position", HeaderAfter, text)}
	}
	m.Resent, m.After = resent, contrail.Position(after)
	return nil
}

// mayBeMarked looks through the headers once for any like those of [Mark], which few messages have.
func mayBeMarked(header map[string][]string) bool {
	const both = "Contrail-" // is how their names begin
	for name := range header {
		if len(name) > len(both) && strings.EqualFold(name[:len(both)], both) {
			return true
		}
	}
	return false
}
