package domain

import (
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/rule"
)

// At is a point in an aggregate's past. Where both are set, both bound it; the zero value is now.
type At struct {
	Version int64     // after the event of this version; 0: any
	Time    time.Time // after the last event that was recorded at this time or before; zero: any
}

func (a At) check() *rule.FieldError {
	if a.Version < 0 {
		return rule.At("version", ErrNoVersion)
	}
	return nil
}

// isPast tells whether an event comes after the point.
func (a At) isPast(recorded contrail.Recorded) bool {
	return a.Version > 0 && recorded.Version > a.Version || !a.Time.IsZero() && recorded.RecordedAt.After(a.Time)
}
