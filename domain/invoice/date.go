package invoice

import "time"

// Date is a day of the calendar from 0001-01-01 to 9999-12-31, without a time and a zone. Values are comparable; the zero value is no day.
type Date struct{ text string } // as in 2021-01-31, so that the order of texts is the order of days

// ParseDate reads 2021-01-31. The error is [ErrDate].
func ParseDate(text string) (Date, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil || at.Year() < 1 { // neither PostgreSQL nor the calendar has a year 0
		return Date{}, ErrDate
	}
	return Date{text}, nil
}

// DateOf is the day of a time in UTC; the zero value outside the years 1 to 9999.
func DateOf(at time.Time) Date {
	at = at.UTC()
	if year := at.Year(); year < 1 || year > 9999 {
		return Date{}
	}
	return Date{at.Format(time.DateOnly)}
}

// Time is the beginning of the day in UTC; the zero value for no day.
func (d Date) Time() time.Time {
	at, err := time.Parse(time.DateOnly, d.text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Before tells whether d is an earlier day than other. The zero value is before every day.
func (d Date) Before(other Date) bool { return d.text < other.text }

// IsZero tells whether d is no day.
func (d Date) IsZero() bool { return d == Date{} }

// String is the day as in 2021-01-31, or "".
func (d Date) String() string { return d.text }

// MarshalText writes [Date.String].
func (d Date) MarshalText() ([]byte, error) { return []byte(d.text), nil }

// UnmarshalText reads what [ParseDate] reads, and "" as no day.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err == nil {
		*d = parsed
	}
	return err
}
