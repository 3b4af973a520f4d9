package subscribers

import (
	"slices"
	"strings"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/wire"
)

// interest is which events a projection reads.
type interest struct {
	selection selection
	subjects  wire.Subjects
	filters   []string // on subjects
}

func newInterest(config ProjectionConfig) (interest, error) {
	subjects, err := wire.ParseSubjects(config.Prefix, config.Subject)
	i := interest{selection: config.selection(), subjects: subjects, filters: config.Filter}
	if err == nil && len(i.filters) == 0 {
		i.filters = i.selection.filters(subjects)
	}
	return i, err
}

// has tells whether an event that was not read from the stream would have come from there.
func (i interest) has(event contrail.Recorded) bool {
	subject, err := i.subjects.Of(event)
	if err != nil { // it can't be in the stream
		return false
	}
	return i.selection.has(event) && slices.ContainsFunc(i.filters, func(filter string) bool { return matches(filter, subject) })
}

// matches tells whether a subject is one of a filter's: '*' is any token, and '>' at the end one or more.
func matches(filter, subject string) bool {
	for {
		want, filterRest, moreFilter := strings.Cut(filter, ".")
		got, subjectRest, moreSubject := strings.Cut(subject, ".")
		switch {
		case want == ">" && !moreFilter:
			return true
		case want != "*" && want != got, moreFilter != moreSubject:
			return false
		case !moreFilter:
			return true
		}
		filter, subject = filterRest, subjectRest
	}
}
