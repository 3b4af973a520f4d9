package rule

import "time"

// ErrNoTime says that a command came without its time.
var ErrNoTime = Invalid("is not set, or outside the years 1 to 9999: give the time of the command")

// Moment is a time as events hold it: UTC, in microseconds, which is what PostgreSQL keeps.
func Moment(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// Time checks that a command carries a time that RFC 3339 can write.
func Time(field string, at time.Time) *FieldError {
	if year := at.UTC().Year(); at.IsZero() || year < 1 || year > 9999 {
		return At(field, ErrNoTime)
	}
	return nil
}
