package dashboard

import (
	"fmt"
	"html/template"
	"time"
)

// instant is the time that a template gives, which may be a pointer; false where there is none.
func instant(value any) (time.Time, bool) {
	switch at := value.(type) {
	case time.Time:
		return at, !at.IsZero() && at.Unix() != 0
	case *time.Time:
		if at != nil {
			return *at, !at.IsZero() && at.Unix() != 0
		}
	}
	return time.Time{}, false
}

// time writes an instant in the page's time zone; "never" where there is none.
func (s *scope) time(value any) template.HTML {
	at, known := instant(value)
	if !known {
		return "never"
	}
	return element(at, at.In(s.zone).Format("2006-01-02 15:04:05"))
}

// ago writes how long ago an instant was, or how long it will be.
func (s *scope) ago(value any) template.HTML {
	at, known := instant(value)
	if !known {
		return "never"
	}
	passed := s.now.Sub(at).Round(time.Second)
	switch {
	case passed == 0:
		return element(at, "now")
	case passed < 0:
		return element(at, "in "+seconds(-passed))
	}
	return element(at, seconds(passed)+" ago")
}

// element says the instant in full, in UTC, to those who point at it and to programs.
func element(at time.Time, text string) template.HTML {
	utc := at.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, //nolint:gosec // nothing of it comes from outside
		utc.Format("2006-01-02T15:04:05.000Z"), utc.Format("2006-01-02 15:04:05.000 UTC"), text))
}

// input is an instant as the value of a field of the kind datetime-local; "" where there is none.
func (s *scope) input(value any) string {
	at, known := instant(value)
	if !known {
		return ""
	}
	return at.In(s.zone).Format("2006-01-02T15:04:05")
}
