package invoice_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/rule"
)

func TestDate(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"0001-01-01", "2021-01-31", "2024-02-29", "2000-02-29", "9999-12-31"} {
		date, err := invoice.ParseDate(good)
		require.NoError(t, err)
		require.Equal(t, good, fmt.Sprint(date))
	}
	for _, bad := range []string{
		"", "2021-02-29", "2021-02-30", "1900-02-29", "2021-13-01", "2021-00-10", "2021-04-31", "2021-01-00", "2021-1-31", "31.01.2021", "20210131",
		"2021-01-31T00:00:00Z", " 2021-01-31", "2021-01-31\n", "0000-01-01", "10000-01-01", "-001-01-01", "+2021-01-01", "2021-01- 1", "２０２１-01-31",
	} {
		_, err := invoice.ParseDate(bad)
		require.ErrorIs(t, err, invoice.ErrDate, "%q", bad)
		require.ErrorIs(t, err, rule.ErrInvalid)
	}
}

func TestDateJSON(t *testing.T) {
	t.Parallel()
	date := day("2021-01-31")
	require.ErrorIs(t, json.Unmarshal([]byte(`"2021-02-30"`), &date), invoice.ErrDate)
	require.Equal(t, day("2021-01-31"), date, "what is refused changes nothing")
	for _, text := range []string{`20210131`, `{}`, `["2021-01-31"]`, `true`} {
		require.Error(t, json.Unmarshal([]byte(text), &date), text)
	}
	require.NoError(t, json.Unmarshal([]byte(`""`), &date))
	require.True(t, date.IsZero())
}

func TestDateOf(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 2*60*60)
	require.Equal(t, day("2020-12-31"), invoice.DateOf(time.Date(2021, 1, 1, 1, 59, 59, 0, east)))
	require.Equal(t, day("0001-01-01"), invoice.DateOf(time.Time{}))
	for _, outside := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, east)} {
		require.True(t, invoice.DateOf(outside).IsZero(), outside)
	}
}

func TestDateTime(t *testing.T) {
	t.Parallel()
	require.Equal(t, time.Date(2021, 1, 31, 0, 0, 0, 0, time.UTC), day("2021-01-31").Time())
	require.True(t, invoice.Date{}.Time().IsZero())
}

// FuzzDate: what is accepted is a day that time knows, comes back as it was written, and stands in the order of time.
func FuzzDate(f *testing.F) {
	for _, seed := range []string{"2021-01-31", "2021-02-30", "0000-01-01", "9999-12-31", "2021-1-31", "", "2021-01-31Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		date, err := invoice.ParseDate(text)
		if err != nil {
			require.ErrorIs(t, err, invoice.ErrDate)
			return
		}
		require.Regexp(t, `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`, text)
		require.Equal(t, text, date.String())
		at, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		require.Equal(t, at, date.Time())
		require.Equal(t, date, invoice.DateOf(at))
		next := invoice.DateOf(at.AddDate(0, 0, 1))
		require.True(t, next.IsZero() || date.Before(next) && !next.Before(date))

		encoded, err := json.Marshal(date)
		require.NoError(t, err)
		var back invoice.Date
		require.NoError(t, json.Unmarshal(encoded, &back))
		require.Equal(t, date, back)
	})
}
